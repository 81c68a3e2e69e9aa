"""Table `trials`: every trained member, its knobs and how it ended."""

from __future__ import annotations

from rayscan.results.tables.base import CURVE, INT, LABEL, REAL, TEXT, TRAINED, Column, TableLayout

TRIALS = TableLayout(
    name="trials",
    row="one trained member: a repeat, or one set of hyperparameters of a search",
    key=("trial",),
    order=("point", "repeat", "fold"),
    columns=(
        *TRAINED,
        LABEL,
        Column("hyperparameters", TEXT, "", "all hyperparameters, as JSON"),
        Column("seed", INT, "", "seed of the weights and of the order of the batches"),
        Column("status", TEXT, "", "'ok', 'pruned', 'diverged', 'out_of_memory' or 'error'"),
        Column("error", TEXT, "", "why there is no classifier; missing if there is one"),
        Column("objective", TEXT, "", "what was optimised"),
        Column(
            "objective_value",
            REAL,
            "",
            "the objective on the validation pool, or the mean AUC of folds",
        ),
        Column("validation_auc", REAL, "", "AUC on ensembles from the validation pool"),
        Column("validation_loss", REAL, "", "cross-entropy on the validation pool [nat]"),
        Column("epochs", INT, "", "epochs trained"),
        Column("best_epoch", INT, "", "epoch whose weights were kept, from 0"),
        Column("learning_curve", CURVE, "", "AUC on the validation pool after each epoch"),
        Column("losses", CURVE, "nat", "mean loss of the batches of each epoch, while it trains"),
        Column("validation_losses", CURVE, "nat", "loss on the validation pool after each epoch"),
        Column("classifier", TEXT, "", "folder of the stored classifier, relative to the storage"),
        Column("seconds", REAL, "s", "wall time of the pack this member was trained in"),
        Column("device", TEXT, "", "'cpu' or the name of the accelerator"),
        Column("worker", TEXT, "", "node and process that trained it"),
        Column("attempts", INT, "", "times it was started in its run: above 1, a worker died"),
    ),
    measured=("seconds", "device", "worker", "attempts"),
)
