"""What a training says on its way."""

import logging

from latent_inpaint.training.run import train


def test_a_log_file_gets_a_line_per_interval_and_no_bar(compose, monkeypatch, capsys, caplog):
    caplog.set_level(logging.INFO)
    train(compose("latent_control", "trainer.max_steps=40", "autoencoder.max_steps=2"))
    stage_2 = [line for line in caplog.messages if line.startswith("Stage 2: inpainting: step ")]
    assert len(stage_2) == 20 and stage_2[0].startswith("Stage 2: inpainting: step 2 of 40, ")
    assert "steps/s" in stage_2[-1] and "step 40 of 40" in stage_2[-1]
    written = capsys.readouterr()
    assert "\r" not in written.out + written.err and "it/s" not in written.out + written.err
