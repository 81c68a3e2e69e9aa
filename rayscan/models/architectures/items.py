"""What networks of items share as architectures: knobs, examples, what is stored."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast

from rayscan.models import storage
from rayscan.models.architectures.network import NetworkArchitecture
from rayscan.models.contract import Arrangement, ItemExamples
from rayscan.models.knobs import Legal, NetworkKnobs, knob
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.item_network import ItemClassifier, ItemNetwork, Seen
from rayscan.models.networks.item_source import ItemSource

# CPU seconds of an event that is drawn into an item, and of each number of it in single precision
# in training, and in double precision in a score. Pools of 20,000 and 200,000 events.
DRAWN, GATHERED, SUMMED = 70e-9, 6e-9, 25e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKnobs(NetworkKnobs):
    """Of networks of items.

    Attributes:
        input: Features by mean and standard deviation of the training events, or between 0 and 1.
        oversample: Synthetic events by SMOTE: ``none``; ``smote``, among the training events alone;
            ``smote_before_split``, among those of training and test together and put into all
            pools, as where a table is enlarged before it is split: an artefact.
        synthetic: Synthetic events of each process.
    """

    monitor: Literal["aligned_loss", "loss"] = knob("loss", Legal(options=("aligned_loss", "loss")))
    input: Literal["standard", "minmax"] = knob(  # type: ignore[assignment]  # other words
        "standard", Legal(options=("standard", "minmax")), graph=True
    )
    oversample: Literal["none", "smote", "smote_before_split"] = knob(
        "none", Legal(options=("none", "smote", "smote_before_split"))
    )
    synthetic: int = knob(25_000, Legal(least=1, most=1e7))

    @property
    def arrangement(self) -> Arrangement:
        """How items are put together."""
        synthetic = 0 if self.oversample == "none" else self.synthetic
        return Arrangement(oversample=self.oversample, synthetic=synthetic)


I = TypeVar("I", bound=ItemKnobs)  # noqa: E741  K and N are the bounds of others


class ItemArchitecture(NetworkArchitecture[I], Generic[I]):
    """A network of items: all but its sizes."""

    reads = "items"
    learns = "one signal"
    learns_strength = True
    warm_starts = False

    @abstractmethod
    def sizes(self, described: Mapping[str, Any]) -> ItemNetwork:
        """The sizes of a stored network."""

    def fits(self, shape: tuple[int, ...]) -> str:
        """Any events and features."""
        return ""

    def artefacts(self, values: I) -> str:
        """Those of the items it is trained and tested on."""
        return values.arrangement.artefacts

    def seen(self, values: I) -> Hashable:
        """The arrangement too."""
        return values.input, values.refresh, values.arrangement

    def items(self, examples: ItemExamples, values: I) -> ItemSource:
        """Items, window by window."""
        return ItemSource(
            examples, values.arrangement, scaling=values.input, frozen=values.refresh == "never"
        )

    def restore(self, folder: Path) -> ItemClassifier:
        """Read a saved network."""
        body, arrays = storage.read(folder, "features", "arrangement", "network")
        seen, weights = storage.network_of(arrays)
        try:
            network = self.sizes(body["network"])
            arrangement = Arrangement(**body["arrangement"])
        except (KeyError, TypeError) as error:
            raise storage.unreadable(folder, f"sizes of the network: {error}") from error
        if [array.shape for array in weights] != network.shapes():
            raise storage.unreadable(folder, "weights and sizes of the network disagree")
        features = tuple(body["features"])
        of_events = Seen(arrays["absent"], Input("standard", seen.mean, seen.scale))
        return ItemClassifier(self.name, features, arrangement, of_events, network, weights)


def features_of(examples: Any) -> tuple[str, ...]:
    """The observables of examples that are items."""
    return tuple(cast("ItemExamples", examples).features)
