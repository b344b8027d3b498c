"""What is in the world `streets`: weathers by hour, emergencies, a drive with its flow, domains, edits, and the truth.

`python examples/streets.py FOLDER [NAME ...]` writes streets.webp, streets-weather.webp ... there, all or those named.
"""

import math
import sys
from pathlib import Path

import torch
from labels import INK, MARGIN, sheet
from PIL import Image, ImageDraw

from daedal.data.animation import animation
from daedal.data.worlds.colours import depth_colours, flow_colours, normal_colours, stencil_colours
from daedal.data.worlds.domains import parse_domain
from daedal.data.worlds.edits import instructions
from daedal.data.worlds.encode import things
from daedal.data.worlds.render import flow, render
from daedal.data.worlds.settings import parse_settings, with_settings
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.streets import Streets
from daedal.data.worlds.world import taken

WORLD = Streets()
HOURS = (6, 9, 13, 18, 23)
PAIRS = (
    ("stencil", "photo"), ("low", "high"), ("day", "night"), ("clear", "rain"), ("summer", "winter"),
    ("photo", "painting"),
)  # fmt: skip
RATE, FASTEST = 8, 4  # frames a second; pixels a frame that are full colour
BOX = {"car": (1.0, 0.9, 0.0), "person": (0.0, 0.94, 1.0)}  # colours of boxes


def set_to(values, **settings):
    """The values with some set, in words."""
    return with_settings(values, parse_settings(WORLD, [f"{name}={value}" for name, value in settings.items()]))


def held(index, **settings):
    """The factors of items, with some set."""
    return set_to(Simulator(WORLD).values(index), **settings)


def seen(values, size=64, moment=None):
    """Pictures (n, 3, size, size) in [0, 1]."""
    return render(WORLD.scene(values, moment), size)["rgb"]


def at(values, seconds):
    """That moment, of each."""
    return torch.full_like(values["hour"], seconds)


def some(index=range(32)):
    """Items as they are drawn."""
    return sheet(seen(held(index)).unflatten(0, (-1, 8)))


def weather(street=3):
    """Every weather at five hours, over one street."""
    weathers = WORLD.factor("weather").choices
    base = held([street], intensity=1, season="summer", pan=0, tilt=2, people=1, traffic=0.8)
    rows = [torch.cat([seen(set_to(base, hour=hour, weather=name)) for name in weathers]) for hour in HOURS]
    return sheet(torch.stack(rows), [f"{hour}:00" for hour in HOURS], [list(weathers)])


def events(street=16, moments=(0, 1, 2, 3)):
    """Emergencies by day and at night, as they go on before somebody who stays."""
    base = held([street], intensity=0.5, season="summer", tilt=6, actions="stay", weather="Clear")
    rows = []
    for event in WORLD.factor("event").choices:
        hours = [set_to(base, event=event, hour=hour) for hour in (13, 22)]
        rows.append(torch.cat([seen(values, 64, at(values, second)) for values in hours for second in moments]))
    heads = [f"{word}{second} s" for word in ("13:00, ", "22:00, ") for second in moments]
    return sheet(torch.stack(rows), list(WORLD.factor("event").choices), [heads])


def clip(street=16, frames=12):
    """A clip of each action: colour, flow, and what is still to be seen in the next frame."""
    actions, base = WORLD.actions, held([street], hour=13, weather="Clear", season="summer", event="none", pan=0)
    drives = [set_to(base, actions=action) for action in actions]
    values = {name: torch.cat([drive[name] for drive in drives]) for name in base}
    pictures = [_frame(values, k / RATE, list(actions)) for k in range(frames)]
    return animation(pictures, RATE, "webp", quality=80)


def _frame(values, second, heads):
    now, soon = (WORLD.scene(values, at(values, time)) for time in (second, second + 1 / RATE))
    motion, visible = flow(now, soon, 96)
    rows = [render(now, 96)["rgb"], flow_colours(motion, FASTEST), visible[:, None].float().expand(-1, 3, -1, -1)]
    paper = sheet(torch.stack(rows), ["colour", "flow", "visible"], [heads], framed=True)
    return _with_wheel(paper, (MARGIN + 6, 186))


def _with_wheel(paper, corner, size=33):
    """The colours of flow: where to each points is where it lies from the middle."""
    place = (torch.arange(size) - size // 2) / (size // 2)
    wheel = flow_colours(torch.stack([place.expand(size, size), place[:, None].expand(size, size)])[None], 1.0)[0]
    inside = (place**2 + place[:, None] ** 2) <= 1
    levels = (torch.where(inside, wheel, 1.0) * 255).round().byte().movedim(0, -1)
    paper.paste(Image.fromarray(levels.numpy()), corner)
    return paper


def domains(items=(3, 18, 37, 24)):
    """Pairs of domains: four scenes, each in one and in the other."""
    rows = []
    for pair in PAIRS:
        of = Simulator(WORLD, (64, 64), held=("event=none",))
        drawn = held(items, event="none", **({} if set(pair) & {"day", "night", "clear"} else {"hour": "9..15"}))
        sides = [domain.picture(of, domain.values(drawn)) for domain in (parse_domain(WORLD, name) for name in pair)]
        rows.append(torch.stack(sides, 1).flatten(0, 1))
    return sheet(torch.stack(rows), [f"{a} / {b}" for a, b in PAIRS])


def edits(columns=3, size=96, choose=4):
    """Each instruction with a picture before and after: of the first items whose edit it is, where it changes most."""
    shown = []
    for said in WORLD.edits:
        hours = "20..24" if said == "make it day" else "7..17.5"
        event = "tsunami" if said == "let the emergency end" else "none"
        of = Simulator(WORLD, (size, size), held=(f"hour={hours}", f"event={event}"))
        drawn = of.values(range(200, 600))
        rows = [k for k, words in enumerate(instructions(WORLD, drawn)) if words == said][:choose]
        before = taken(drawn, rows)
        after = of.edited(before)
        most = (seen(before, 32) - seen(after, 32)).abs().flatten(1).mean(1).argmax().reshape(1)
        shown.append(torch.cat([seen(taken(values, most), size) for values in (before, after)], 3))
    words = list(WORLD.edits)
    rows = [words[k : k + columns] for k in range(0, len(words), columns)]
    return sheet(torch.cat(shown).unflatten(0, (-1, columns)), above=rows)


def painting(items=(3, 18, 45), size=192):
    """Three pictures, painted over."""
    of = Simulator(WORLD, (size, size), held=("event=none",))
    return sheet(parse_domain(WORLD, "painting").picture(of, of.values(items))[None])


def truth(item=18, size=192):
    """One picture and all that is known of it."""
    values = held([item], hour=9, weather="Clear")
    names = ("rgb", "depth", "stencil", "instance", "normal")
    found = render(WORLD.scene(values), size, outputs=names)
    rgb, depth, stencil, ids, normal = (found[name] for name in names)
    first = [rgb, depth_colours(depth), stencil_colours(stencil)]
    second = [normal_colours(normal), _ids(ids), _boxed(rgb, ids, stencil)]
    heads = [["colour", "depth", "stencil"], ["normals", "ids", "boxes"]]
    return _with_classes(sheet(torch.stack([torch.cat(first), torch.cat(second)]), above=heads))


def _ids(ids):
    """A colour for each id, spread over the palette."""
    return stencil_colours(torch.where(ids > 0, (ids * 37) % 255 + 1, 0))


def _boxed(rgb, ids, stencil):
    """What is boxed: cars and people that are large enough."""
    marked = rgb.clone()
    for thing in things(ids[0], stencil[0]):
        name, (x, y, wide, tall) = WORLD.stencil[thing["category_id"]], thing["bbox"]
        if name in WORLD.boxed and thing["area"] >= WORLD.least_share * ids[0].numel():
            inside, edge = torch.zeros_like(ids[0], dtype=torch.bool), torch.zeros_like(ids[0], dtype=torch.bool)
            edge[max(y - 1, 0) : y + tall + 1, max(x - 1, 0) : x + wide + 1] = True
            inside[y : y + tall, x : x + wide] = True
            colour = torch.tensor(BOX[name]).view(3, 1, 1)
            marked[0] = torch.where(edge & ~inside, colour, marked[0])
    return marked


def _with_classes(paper, columns=7, tall=18):
    """A legend of the stencil's colours below."""
    names = WORLD.stencil
    colours = (stencil_colours(torch.arange(len(names)).view(-1, 1, 1)).flatten(1) * 255).round().int().tolist()
    whole = Image.new("RGB", (paper.width, paper.height + math.ceil(len(names) / columns) * tall), "white")
    whole.paste(paper, (0, 0))
    draw, wide = ImageDraw.Draw(whole), (paper.width - 2 * MARGIN) / columns
    for k, (name, colour) in enumerate(zip(names, colours, strict=True)):
        x, y = MARGIN + 2 + k % columns * wide, paper.height + k // columns * tall
        draw.rectangle((x, y + 1, x + 11, y + 12), fill=tuple(colour), outline=INK)
        draw.text((x + 17, y + 7), name, INK, anchor="lm")
    return whole


SHEETS = {
    "": some, "weather": weather, "events": events, "clip": clip, "domains": domains, "painting": painting,
    "edits": edits, "truth": truth,
}  # fmt: skip


def main(folder, *names):
    """Write the pictures."""
    for name in names or SHEETS:
        file = Path(folder) / f"streets{'-' * bool(name)}{name}.webp"
        made = SHEETS[name]()
        file.write_bytes(made) if isinstance(made, bytes) else made.save(file, lossless=True, method=6)


if __name__ == "__main__":
    main(*sys.argv[1:])
