"""What every adversarial training must show, whatever else it shows (catalogue of GANs, section 0)."""

import math


def assert_sane(run, samples, items):
    """Losses are finite; samples spread over a tenth of the data's; few numbers stand at the ends of its range."""
    losses = [line[key] for line in run.history for key in line if key.endswith("loss")]
    assert losses
    assert all(math.isfinite(loss) for loss in losses)
    assert samples.std(0).mean() > 0.1 * items.std(0).mean()
    ends = 0.99 * items.abs().amax(0)
    assert (samples.abs() > ends).float().mean() < 0.95
