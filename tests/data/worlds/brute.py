"""Every ray against every body with `meet`, one body after another: what the tiled tracer must equal bit for bit."""

import torch

from daedal.data.worlds.primitives import FAR, INF, meet
from daedal.data.worlds.scene import KINDS, NO_CLIP
from daedal.data.worlds.trace import Frames
from daedal.data.worlds.vectors import apply, columns
from tests.data.worlds.scenes import centres


def camera_hits(scene, height, width):
    """t and body (b, h, w) of the rays through the pixels' centres."""
    u, v = (part.to(scene.saturation.dtype).reshape(1, -1).expand(len(scene), -1) for part in centres(height, width))
    t, body = at_points(scene, u, v)
    return t.view(-1, height, width), body.view(-1, height, width)


def at_points(scene, u, v):
    """t and body (b, m) of the camera's rays at u, v (b, m), which are linear in u and v in a body's coordinates."""
    frames, camera = Frames.of(scene.bodies), scene.camera
    parts = [camera.turn[:, 2], *(camera.turn[:, i] / camera.focal[:, None] for i in (0, 1))]

    def rays(k):
        matrix, offset = frames.matrix[:, k], frames.offset[:, k]
        forward, side, up = (columns(apply(matrix, part)[:, None]) for part in parts)
        o = columns((apply(matrix, camera.position) + offset)[:, None])
        return o, tuple(f + s * u + w * v for f, s, w in zip(forward, side, up, strict=True))

    return closest(scene.bodies, u, rays, 1e-3)


def sun_shadows(scene, start, sun):
    """Whether anything but a plane lies in the way from points to suns, columns of (b, m): bool."""
    frames = Frames.of(scene.bodies)

    def rays(k):
        m = frames.matrix[:, k].flatten(1)[:, :, None].unbind(1)
        c = columns(frames.offset[:, k, None])
        o, d = (
            tuple(m[3 * i] * p[0] + m[3 * i + 1] * p[1] + m[3 * i + 2] * p[2] for i in range(3)) for p in (start, sun)
        )
        return tuple(part + offset for part, offset in zip(o, c, strict=True)), d

    solid = scene.bodies.map(torch.clone)
    solid.kind[:] = torch.where(solid.kind == KINDS.index("plane"), 0, solid.kind)
    return closest(solid, start[0], rays, 0.0)[0] < INF


def closest(bodies, like, rays, near):
    """The nearest body by kind, then the uncut before the cut, then by number; the first of equals."""
    best, body = torch.full_like(like, INF), torch.full_like(like, -1, dtype=torch.int64)
    cut = (bodies.clip != bodies.clip.new_tensor(NO_CLIP)).any(-1).any(-1)
    for kind in range(1, len(KINDS)):
        for open_ in (False, True):
            for k in range(bodies.kind.shape[1]):
                mine = ((bodies.kind[:, k] == kind) & (cut[:, k] == open_))[:, None]
                if not mine.any():
                    continue
                clips = [(columns(c[:, :3, None].movedim(1, -1)), c[:, 3, None]) for c in bodies.clip[:, k].unbind(1)]
                o, d = rays(k)
                t = meet(kind, o, d, bodies.shape[:, k, None], clips if open_ else [], near)
                t = torch.where(mine & (t < FAR), t, INF)
                best, body = torch.where(t < best, t, best), torch.where(t < best, k, body)
    return best, body
