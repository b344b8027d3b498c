"""The trainer: exact resume, budgets, flags whose effect is seen, and what it does when something goes wrong."""

import math
import os
import re
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from daedal.errors import Interrupted, RunError, TrainingError, UsageError
from daedal.play import checkpoint, trainer
from daedal.play.folder import RunFolder
from daedal.play.player import Player
from daedal.play.ranks import Ranks
from daedal.play.settings import Hooks, Settings, check_enough, pick_device
from daedal.play.trainer import Trainer
from daedal.play.turn import Turn
from daedal.spaces import Images, Vectors
from tests.small import Line, line, same, vectors

DATA = vectors()


class Boom(Exception):
    pass


def stop_at(step, action):
    def watch(entry, steps):
        if entry["step"] >= step:
            action()

    return Hooks(watch=watch)


def boom():
    raise Boom


def train(settings=None, out=None, system=None, **kwargs):
    system = system or line(DATA)
    return Trainer(system, DATA, settings or Settings(steps=40, batch_size=16), out=out, **kwargs).run()


@pytest.mark.parametrize("broken_at", [1, 13, 14, 15, 39])
def test_a_run_broken_at_any_step_ends_bit_identical(tmp_path, broken_at):
    whole = train()
    with pytest.raises(Boom):
        train(Settings(steps=40, batch_size=16, save_every=7), tmp_path / "run", hooks=stop_at(broken_at, boom))
    resumed = Trainer.reopen(tmp_path / "run", line(DATA, seed=9), DATA).resume()
    assert resumed.step == 40
    assert same(whole.system, resumed.system)
    assert [h["model/loss"] for h in resumed.history] == [h["model/loss"] for h in whole.history]


def test_interrupt_saves_and_says_how_to_go_on(tmp_path):
    whole = train()
    with pytest.raises(Interrupted, match="--resume") as caught:
        train(out=tmp_path / "run", hooks=stop_at(11, lambda: os.kill(os.getpid(), signal.SIGINT)))
    assert caught.value.signal == signal.SIGINT
    assert checkpoint.steps_in(tmp_path / "run" / "training")[0] == 11
    assert same(whole.system, Trainer.reopen(tmp_path / "run", line(DATA, seed=9), DATA).resume().system)


class Watched(Line):
    """Shows its optimizer and its parameters to `watch` around each step."""

    def __init__(self, before=lambda optimizer: None, after=lambda params: None):
        torch.manual_seed(0)
        super().__init__(DATA.fields["x"])
        self.before, self.after = before, after

    def players(self):
        players = super().players()
        make = players["model"].optimizer

        def optimizer(params):
            made = make(params)
            made.register_step_pre_hook(lambda *_: self.before(made))
            made.register_step_post_hook(lambda *_: self.after(params))
            return made

        players["model"].optimizer = optimizer
        return players


def rates_into(rates):
    return Watched(before=lambda optimizer: rates.append(optimizer.param_groups[0]["lr"]))


def test_resume_with_more_steps_follows_the_longer_schedule(tmp_path):
    train(Settings(steps=10, batch_size=16), tmp_path / "run")
    rates = []
    longer = Trainer.reopen(tmp_path / "run", rates_into(rates), DATA, steps=25).resume()
    assert (longer.step, longer.steps) == (25, 25)
    shares = [(step / 25 - 0.1) / 0.9 for step in range(10, 25)]  # after a warm-up of a tenth, half a cosine
    assert rates == pytest.approx([1e-2 * (1 + math.cos(math.pi * share)) / 2 for share in shares], rel=1e-12)
    with pytest.raises(UsageError, match="already played 25 steps; give --steps 25 or more, not 5"):
        Trainer.reopen(tmp_path / "run", line(DATA), DATA, steps=5).resume()
    assert Trainer.reopen(tmp_path / "run", line(DATA), DATA, steps=25).resume().step == 25


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    done = train(out=tmp_path / "run")
    again = Trainer.reopen(tmp_path / "run", line(DATA, seed=9), DATA).resume()
    assert again.step == 40
    assert same(done.system, again.system)


class Clock:
    """Advances a fixed time whenever it is read."""

    def __init__(self, tick):
        self.now, self.tick = 0.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


def test_seconds_become_steps_once_and_the_rehearsal_is_taken_back():
    timed = Trainer(line(DATA), DATA, Settings(seconds=3.0, batch_size=16), clock=Clock(0.25)).run()
    assert timed.steps == 12  # each rehearsed round lasts one tick
    counted = train(Settings(steps=12, batch_size=16))
    assert same(timed.system, counted.system)


def test_accumulation_takes_one_step_and_equals_one_batch_for_a_mean_loss():
    class Plain(Line):
        def turns(self, batches):
            yield Turn("model", ((self.net(batch := next(batches).x) - batch) ** 2).mean())

    def run(accumulate):
        torch.manual_seed(0)
        system = Plain(DATA.fields["x"]).double()
        return train(Settings(steps=10, batch_size=16, accumulate=accumulate), system=system)

    one, four = run(1), run(4)
    assert len(one.history) == len(four.history) == 10
    for a, b in zip(one.system.parameters(), four.system.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_bf16_is_seen_inside_and_parameters_stay_float32():
    run = train(Settings(steps=2, batch_size=16, precision="bf16"))
    assert run.system.net.seen == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in run.system.parameters())


def test_compile_makes_a_graph_and_refuses_where_there_is_nothing(monkeypatch):
    from daedal.play.compiling import graphs_run

    before = graphs_run()
    train(Settings(steps=2, batch_size=16, compile=True))
    assert graphs_run() > before
    monkeypatch.setattr(Line, "compiles", ())
    with pytest.raises(UsageError, match="nothing that --compile"):
        train(Settings(steps=2, compile=True))


def test_compile_works_again_in_the_same_process(tmp_path):
    """Seeds in a loop, and resuming: graphs that are there already are used again."""
    settings = Settings(steps=4, batch_size=16, compile=True, save_every=1)
    whole, again = (train(settings, system=line(DATA, seed)) for seed in (0, 1))
    assert not same(whole.system, again.system)
    with pytest.raises(Boom):
        train(settings, tmp_path / "run", hooks=stop_at(2, boom))
    assert same(Trainer.reopen(tmp_path / "run", line(DATA, seed=9), DATA).resume().system, whole.system)


def test_compile_refuses_what_it_would_silently_leave_as_it_is():
    class Chained(Line):
        def __init__(self):
            super().__init__(DATA.fields["x"])
            self.net = torch.nn.Sequential(torch.nn.Linear(3, 3))

    class Aside(Line):
        """Calls the parts of what it says is compiled, and never the whole."""

        def turns(self, batches):
            yield Turn("model", self.net.outer(self.net.inner(next(batches).x)).square().mean())

    with pytest.raises(UsageError, match=r"'net' of .* has no forward of its own"):
        train(Settings(steps=2, compile=True), system=Chained())
    with pytest.raises(TrainingError, match="--compile made no graph of"):
        train(Settings(steps=2, batch_size=16, compile=True), system=Aside(DATA.fields["x"]))


def test_compile_without_a_compiler_says_so_before_anything_is_written(tmp_path):
    from torch._inductor import config, cpp_builder

    system = Line(DATA.fields["x"])
    cpp_builder.cpp_compiler_search.cache_clear()
    # by torch's own patch: pytest's would leave the setting deleted for every later test
    with (
        config.patch({"cpp.cxx": ("no-such-compiler",)}),
        pytest.raises(UsageError, match=r"^--compile needs a C\+\+ compiler"),
    ):
        train(Settings(steps=2, batch_size=16, compile=True), tmp_path / "run", system=system, device="cpu")
    assert not list(tmp_path.iterdir())
    assert all(module._compiled_call_impl is None for module in system.modules())  # it can still be trained plainly


def test_rate_override_sets_the_peak():
    rates = []
    train(Settings(steps=10, batch_size=16, rate=0.5), system=rates_into(rates))
    assert max(rates) == pytest.approx(0.5)
    assert len(rates) == 10


class Counting(Line):
    """Notes in each round how many threads there are."""

    def turns(self, batches):
        self.threads = [*getattr(self, "threads", ()), torch.get_num_threads()]
        yield from super().turns(batches)


def test_threads_take_effect_inside_rounds_and_are_kept_for_resuming(tmp_path):
    first, second = Counting(DATA.fields["x"]), Counting(DATA.fields["x"])
    settings = Settings(steps=9, batch_size=16, threads=2, save_every=4)
    with pytest.raises(Boom):
        train(settings, tmp_path / "run", system=first, hooks=stop_at(6, boom))
    assert torch.get_num_threads() == 1  # as it was
    Trainer.reopen(tmp_path / "run", second, DATA).resume()
    assert (first.threads, second.threads) == ([2] * 6, [2] * 5)
    assert torch.get_num_threads() == 1


def test_a_failure_to_begin_leaves_threads_and_lock_as_they_were(tmp_path, monkeypatch):
    settings = Settings(steps=4, batch_size=16, threads=2)
    train(settings, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "sources", lambda *_: boom())
        failing = [Trainer(line(DATA), DATA, settings), Trainer.reopen(tmp_path / "run", line(DATA), DATA)]
        for begin in (failing[0].run, failing[1].resume):
            with pytest.raises(Boom):
                begin()
            assert torch.get_num_threads() == 1
    assert Trainer.reopen(tmp_path / "run", line(DATA), DATA).resume().step == 4


def test_the_seed_changes_what_is_drawn_and_nothing_else_does():
    one, again, other = (train(Settings(steps=5, batch_size=16, seed=seed)).system for seed in (0, 0, 1))
    assert same(one, again)
    assert not same(one, other)


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    system = Line(DATA.fields["x"])
    torch.manual_seed(5)
    train(system=system)
    assert torch.equal(torch.rand(3), expected)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(tmp_path):
    whole = train()
    with pytest.raises(Boom):
        train(Settings(steps=40, batch_size=16, save_every=7), tmp_path / "run", hooks=stop_at(22, boom))
    cut(tmp_path / "run" / "training" / checkpoint.file_name(21, 0))
    with pytest.warns(UserWarning, match=r"step-0000000021.*step 14"):
        resumed = Trainer.reopen(tmp_path / "run", line(DATA, seed=9), DATA).resume()
    assert same(whole.system, resumed.system)
    for path in (tmp_path / "run" / "training").glob("*.safetensors"):
        cut(path)
    with pytest.raises(RunError, match="no whole checkpoint"):
        Trainer.reopen(tmp_path / "run", line(DATA), DATA).resume()


def test_a_flipped_bit_is_found(tmp_path):
    train(Settings(steps=4, batch_size=16), tmp_path / "run")
    path = tmp_path / "run" / "training" / checkpoint.file_name(4, 0)
    raw = bytearray(path.read_bytes())
    raw[-9] ^= 1
    path.write_bytes(raw)
    with pytest.raises(checkpoint.Damaged, match="checksum"):
        checkpoint.load(path)


def test_a_run_that_is_being_trained_is_refused(tmp_path):
    caught = []

    def second():
        if not caught:
            with pytest.raises(RunError, match="another process") as error:
                Trainer.reopen(tmp_path / "run", line(DATA), DATA).resume()
            caught.append(error)

    train(out=tmp_path / "run", hooks=stop_at(5, second))
    assert caught


def test_resuming_removes_what_killed_processes_left_half_written(tmp_path):
    train(Settings(steps=2, batch_size=16, tensorboard=False), tmp_path / "run")
    dead, running = 2**31 - 1, os.getppid()
    names = [".weights.safetensors.{}.part", "training/.step-0000000002-rank0.safetensors.{}.part"]
    parts = {process: [tmp_path / "run" / name.format(process) for name in names] for process in (dead, running)}
    kept = [*parts[running], tmp_path / "run" / ".mine.part", tmp_path / "run" / "training" / "notes.1.part"]
    for path in (*parts[dead], *kept):
        path.touch()
    Trainer.reopen(tmp_path / "run", line(DATA), DATA).resume()
    assert not any(path.exists() for path in parts[dead])
    assert all(path.exists() for path in kept)


def describe(folder, averages):
    """Make a folder one that may be overwritten."""
    (folder / "system.json").touch()


def test_a_run_that_is_being_trained_is_not_overwritten(tmp_path):
    whole, caught = train(), []

    def second():
        if not caught:
            with pytest.raises(RunError, match="run is being trained by another process; wait for it or stop it"):
                train(out=tmp_path / "run", overwrite=True)
            caught.append(True)

    run = train(out=tmp_path / "run", hooks=replace(stop_at(5, second), describe=describe))
    assert caught
    assert same(whole.system, run.system)
    assert train(Settings(steps=2, batch_size=16), tmp_path / "run", overwrite=True).step == 2  # now nobody is


def test_a_run_that_is_trained_again_meanwhile_is_not_overwritten(tmp_path):
    """Another resumes it once the one that is to replace it has begun to be built."""
    train(Settings(steps=4, batch_size=16), tmp_path / "run", hooks=Hooks(describe=describe))
    other = RunFolder(tmp_path / "run")
    with pytest.raises(RunError, match="another process"):
        train(out=tmp_path / "run", overwrite=True, hooks=Hooks(describe=lambda *_: other.take_lock()))
    other.release_lock()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert Trainer.reopen(tmp_path / "run", line(DATA), DATA).resume().step == 4


def test_other_data_other_versions_and_occupied_folders_are_refused(tmp_path):
    train(Settings(steps=4, batch_size=16), tmp_path / "run")
    with pytest.raises(RunError, match="fingerprints differ"):
        Trainer.reopen(tmp_path / "run", line(DATA), vectors(seed=1)).resume()
    with pytest.raises(RunError, match="not empty"):
        train(out=tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(RunError, match="not a run"):
        train(out=tmp_path / "mine", overwrite=True)
    settings = tmp_path / "run" / "training" / "run.json"
    settings.write_text(settings.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(RunError, match="format 99"):
        Trainer.reopen(tmp_path / "run", line(DATA), DATA)
    with pytest.raises(RunError, match="does not exist"):
        Trainer.reopen(tmp_path / "nowhere", line(DATA), DATA)


def test_a_failure_before_the_first_checkpoint_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "save", lambda *_: boom())
    with pytest.raises(Boom):
        train(out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("n", "source", "x", "advice"),
    [
        (9, {}, Images(1, 4, 4, 2), "add images, or use --mirror"),
        (4, {}, Images(1, 4, 4, 2), "add images"),
        (8, {"mirror": True}, Images(1, 4, 4, 2), "add images"),
        (8, {"n": 9}, Images(1, 4, 4, 2), "raise --limit, or use --mirror"),
        (9, {}, Vectors(2), "add items"),
    ],
)
def test_too_few_items_come_with_what_would_give_more(n, source, x, advice):
    with pytest.raises(UsageError, match=rf"at least 10 training items; this data has {n}: {advice}\.$"):
        check_enough(SimpleNamespace(train=range(n), source=source), x)


def test_a_stop_writes_the_state_but_no_picture(tmp_path):
    seen = []
    stop = stop_at(11, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        train(out=tmp_path / "run", hooks=replace(stop, illustrate=lambda folder, step: seen.append(step)))
    assert checkpoint.steps_in(tmp_path / "run" / "training")[0] == 11
    assert seen == []


@pytest.mark.parametrize("device", ["meta", "mps", "cuda:2"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match=f"no GPU 'cuda:2', only|must be auto, cpu or cuda; got '{device}'"):
        pick_device(device)


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE"])
def test_what_torchrun_did_not_set_is_named(monkeypatch, name):
    monkeypatch.setenv(name, "foo")
    with pytest.raises(UsageError, match=f"variable {name} must be a number, as torchrun sets it; got 'foo'"):
        Ranks()


def test_a_rank_without_the_others_says_how_to_start_them(monkeypatch):
    for name in ("RANK", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="start them all with torchrun, or unset WORLD_SIZE"):
        Ranks()


def test_too_few_items_and_bad_settings():
    with pytest.raises(UsageError, match="at least 10 training items; this data has 3"):
        Trainer(line(DATA), vectors(n=4), Settings(steps=1))
    for bad in ({"steps": 0}, {"seconds": -1.0}, {"precision": "fp8"}, {"steps": 1, "seconds": 1.0}, {"seed": 2**63}):
        with pytest.raises(UsageError):
            Settings(**bad)
    with pytest.raises(UsageError, match="multiple of 3"):
        Trainer(line(DATA), DATA, Settings(steps=1, batch_size=16, accumulate=3))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"steps": 2.5}, "'steps' of train must be an integer in [1, inf), or None; got 2.5."),
        ({"steps": True}, "'steps' of train must be an integer in [1, inf), or None; got True."),
        ({"accumulate": 2.0}, "'accumulate' of train must be an integer in [1, inf); got 2.0."),
        ({"batch_size": 16.0}, "'batch_size' of train must be an integer in [1, inf), or None; got 16.0."),
        ({"threads": 1.0}, "'threads' of train must be an integer in [1, 1024], or None; got 1.0."),
        ({"save_every": 1.5}, "'save_every' of train must be an integer in [1, inf), or None; got 1.5."),
        ({"keep": "2"}, "'keep' of train must be an integer in [1, inf), or None; got '2'."),
        ({"seconds": True}, "'seconds' of train must be a float in (0, inf), or None; got True."),
        ({"rate": math.nan}, "'rate' of train must be a float in (0, inf), or None; got nan."),
        ({"compile": "no"}, "'compile' of train must be True or False; got 'no'."),
        ({"precision": "fp8"}, "'precision' of train must be one of 'float32', 'bf16'; got 'fp8'."),
    ],
)
def test_a_setting_of_another_kind_is_refused_in_a_sentence(bad, words):
    with pytest.raises(UsageError, match=f"^{re.escape(words)}$"):
        Settings(**bad)


def test_a_setting_is_kept_in_its_own_type():
    settings = Settings(seconds=2, batch_size=np.int64(16), rate=np.float64(0.5))
    kept = (settings.seconds, settings.batch_size, settings.rate)
    assert kept == (2.0, 16, 0.5)
    assert [type(value) for value in kept] == [float, int, float]


def test_keep_retains_every_kth_save(tmp_path):
    train(Settings(steps=8, batch_size=16, save_every=1, keep=4), tmp_path / "run")
    assert checkpoint.steps_in(tmp_path / "run" / "training") == [8, 7, 3]  # saves 9, 8 and 4; save 1 is step 0


def saved_steps(monkeypatch):
    """The steps of what is saved from now on."""
    steps, original = [], checkpoint.save

    def save(path, tensors, record):
        steps.append(record["place"]["step"])
        original(path, tensors, record)

    monkeypatch.setattr(checkpoint, "save", save)
    return steps


def test_a_checkpoint_is_written_every_half_minute_and_two_are_left(tmp_path, monkeypatch):
    clock, steps = Clock(0.0), saved_steps(monkeypatch)

    class Slow(Line):
        def turns(self, batches):
            clock.now += 8.0
            yield from super().turns(batches)

    train(Settings(steps=10, batch_size=16), tmp_path / "run", system=Slow(DATA.fields["x"]), clock=clock)
    assert steps == [0, 4, 8, 10]  # at 0 s, 32 s and 64 s, and the end at 80 s
    assert checkpoint.steps_in(tmp_path / "run" / "training") == [10, 8]


def test_a_second_signal_stops_at_once_and_saves_nothing(tmp_path):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        train(out=tmp_path / "run", hooks=stop_at(11, twice))
    assert not isinstance(caught.value, Interrupted)
    assert checkpoint.steps_in(tmp_path / "run" / "training") == [0]
    assert Trainer.reopen(tmp_path / "run", line(DATA), DATA).resume().step == 40


def test_tensorboard_holds_what_the_log_holds(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(Settings(steps=5, batch_size=16), tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    names = run.history[0].keys() - {"step", "stage"}
    assert {"model/loss", "model/error", "model/gradient-norm", "seconds"} == names == set(events.Tags()["scalars"])
    for name in names:
        assert [event.step for event in events.Scalars(name)] == [1, 2, 3, 4, 5]
        values = [event.value for event in events.Scalars(name)]
        assert values == pytest.approx([entry[name] for entry in run.history], rel=1e-6)
    train(Settings(steps=1, batch_size=16, tensorboard=False), tmp_path / "bare")
    assert not (tmp_path / "bare" / "tensorboard").exists()


def test_averages_are_what_is_left_and_the_raw_weights_are_kept_beside(tmp_path):
    seen = []
    system = Watched(after=lambda params: seen.append([p.detach().clone() for p in params])).double()
    expected = [p.detach().clone() for p in system.parameters()]
    run = train(Settings(steps=12, batch_size=16), tmp_path / "run", system=system)
    for turn, params in enumerate(seen):  # decays 1/10, 2/11, 3/12 ...; they reach 0.9 at turn 80
        decay = (1 + turn) / (10 + turn)
        expected = [decay * a + (1 - decay) * p for a, p in zip(expected, params, strict=True)]
    tensors, _ = checkpoint.load(tmp_path / "run" / "training" / checkpoint.file_name(12, 0))
    for i, (name, left) in enumerate(run.system.named_parameters()):
        torch.testing.assert_close(left, expected[i], rtol=0, atol=1e-12)
        assert torch.equal(tensors[f"average/model/{i}"], left)
        assert torch.equal(tensors[f"system/{name}"], seen[-1][i])
        assert not torch.equal(left, seen[-1][i])


def test_parameters_of_a_player_without_average_are_left_as_they_are(tmp_path):
    class Bare(Line):
        def players(self):
            return {"model": Player(self.parameters(), rate=1e-2)}

    torch.manual_seed(0)
    run = train(Settings(steps=6, batch_size=16), tmp_path / "run", system=Bare(DATA.fields["x"]))
    tensors, _ = checkpoint.load(tmp_path / "run" / "training" / checkpoint.file_name(6, 0))
    assert all(torch.equal(tensors[f"system/{k}"], v) for k, v in run.system.state_dict().items())
    assert not run.system.training
