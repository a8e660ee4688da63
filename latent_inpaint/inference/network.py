"""The network as `latent_inpaint.load` gives it."""

from __future__ import annotations

from typing import Any

from latent_inpaint.models import inpainter


class LatentInpainter(inpainter.LatentInpainter):
    """An inpainting network with `inpaint` as a method.

    It has the name of the network that it is, because a saved network is rebuilt by its class' name.
    """

    @classmethod
    def of(cls, network: inpainter.LatentInpainter) -> LatentInpainter:
        """Give `network` itself the method."""
        network.__class__ = cls
        assert isinstance(network, cls)
        return network

    def inpaint(self, image: Any, mask: Any, **options: Any) -> Any:
        """Repair a picture or several: `latent_inpaint.inpaint` with this network, and with its options.

        Args:
            image: numpy `[H, W]` or `[H, W, C]`, PIL image, or torch `[H, W]` or `[C, H, W]`; or a list or a
                batch of them.
            mask: the hole, of the picture's size.
            options: such as `refine=True` or `memory_budget="1GiB"`; see `latent_inpaint.inpaint`.

        Returns:
            The same kind, size and type as `image`.
        """
        from latent_inpaint.inference.picture import inpaint

        return inpaint(image, mask, self, **options)
