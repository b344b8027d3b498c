"""Where rays meet primitives, once more: NumPy in float64 and in the world's coordinates, by other formulas.

Quadrics are matrices in homogeneous coordinates that a pose carries into the world; boxes and caps are faces.
"""

import numpy as np

from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, PLANE
from tests.data.worlds.scenes import centres

NEAR = 1e-3


def nearest(scene, index, u, v):
    """t, body and candidate (...) of rays through u, v (...) of one picture; t is inf and body -1 where nothing is."""
    o, d = rays(scene, index, u, v)
    best, body, part = np.full(u.shape, np.inf), np.full(u.shape, -1), np.full(u.shape, -1)
    for k in range(scene.bodies.kind.shape[1]):
        for i, t in enumerate(candidates(scene.bodies, index, k, o, d)):
            nearer = t < best
            best, body, part = np.where(nearer, t, best), np.where(nearer, k, body), np.where(nearer, i, part)
    return best, body, part


def clear_of_edges(scene, index, u, v, margin):
    """(...) bool: rays whose body and part of it stay the same within `margin` of u and v."""
    _, body, part = nearest(scene, index, u, v)
    result = np.ones(u.shape, bool)
    for du, dv in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        _, other, other_part = nearest(scene, index, u + du * margin, v + dv * margin)
        result &= (other == body) & (other_part == part)
    return result


def grid(height, width):
    return tuple(part.numpy() for part in centres(height, width))


def rays(scene, index, u, v):
    """Origin (3,) and directions (..., 3) with length 1 along the camera's axis."""
    camera = scene.camera[index]
    right, up, forward = camera.turn.double().numpy()
    focal = float(camera.focal)
    return camera.position.double().numpy(), forward + (u[..., None] * right + v[..., None] * up) / focal


def candidates(bodies, index, k, o, d):
    """Each way in which a ray meets body k: its t, else inf."""
    kind = int(bodies.kind[index, k])
    shape = float(bodies.shape[index, k])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = bodies.axes[index, k].double().numpy(), bodies.origin[index, k].double().numpy()
    back = np.linalg.inv(pose)
    for t, inside in _UNCUT[kind](back, shape, o, d) if kind in _UNCUT else ():
        with np.errstate(all="ignore"):
            p = _own(back, o + t[..., None] * d)
            ok = (t > NEAR) & inside(p)
            for *normal, offset in bodies.clip[index, k].double().numpy() if kind != CAPSULE else ():
                ok &= p @ np.array(normal) <= offset
        yield np.where(ok, t, np.inf)


def _own(back, x):
    return x @ back[:3, :3].T + back[:3, 3]


def _everywhere(p):
    return np.ones(p.shape[:-1], bool)


def _roots(quadric, back, o, d):
    """Both t at which (x, 1) Q (x, 1) = 0, of a quadric in the body's coordinates."""
    q = back.T @ quadric @ back
    start, way = np.append(o, 1.0), np.concatenate([d, np.zeros((*d.shape[:-1], 1))], -1)
    a, b, c = np.einsum("...i,ij,...j", way, q, way), way @ q @ start, start @ q @ start
    with np.errstate(all="ignore"):
        far = -(b + np.where(b < 0, -1, 1) * np.sqrt(b * b - a * c))  # the stable pair of roots
        one, two = far / a, c / far
    return np.minimum(one, two), np.maximum(one, two)


def _face(normal, offset, back, o, d):
    """t at which normal . p = offset, of a face in the body's coordinates."""
    normal = np.asarray(normal, float)
    with np.errstate(all="ignore"):
        return (offset - normal @ _own(back, o)) / (d @ (normal @ back[:3, :3]))


def _plane(back, shape, o, d):
    yield _face((0, 1, 0), 0, back, o, d), _everywhere


def _ellipsoid(back, shape, o, d):
    for t in _roots(np.diag([1.0, 1, 1, -1]), back, o, d):
        yield t, _everywhere


def _box(back, shape, o, d):
    for axis in range(3):
        others = [i for i in range(3) if i != axis]
        for side in (-1, 1):
            t = _face(np.eye(3)[axis], side, back, o, d)
            yield t, lambda p, others=others: (np.abs(p[..., others]) <= 1).all(-1)


def _cone(back, shape, o, d):
    middle, slope = (1 + shape) / 2, (shape - 1) / 2  # radius = middle + slope y
    quadric = np.diag([1.0, -slope * slope, 1, -middle * middle])
    quadric[1, 3] = quadric[3, 1] = -middle * slope
    for t in _roots(quadric, back, o, d):
        yield t, lambda p: np.abs(p[..., 1]) <= 1
    for end, radius in ((-1, 1.0), (1, shape)):
        t = _face((0, 1, 0), end, back, o, d)
        yield t, lambda p, radius=radius: np.hypot(p[..., 0], p[..., 2]) <= radius


def _capsule(back, shape, o, d):
    for t in _roots(np.diag([1.0, 0, 1, -1]), back, o, d):
        yield t, lambda p: np.abs(p[..., 1]) <= shape
    for end in (-1, 1):
        ball = np.diag([1.0, 1, 1, shape * shape - 1])
        ball[1, 3] = ball[3, 1] = -end * shape
        for t in _roots(ball, back, o, d):
            yield t, lambda p, end=end: end * p[..., 1] > shape


_UNCUT = {PLANE: _plane, ELLIPSOID: _ellipsoid, BOX: _box, CONE: _cone, CAPSULE: _capsule}
