/** Figures as a table or as JSON. */
import { availableParallelism, loadavg } from "node:os";

/** Adds the derived values to a figure: the ratio to its floor, and whether it meets its goal. */
export function complete(figure) {
  if (figure.notMeasured) return figure;
  const ratio = figure.floor === undefined ? undefined : figure.value / figure.floor;
  const { goal } = figure;
  return { ...figure, ratio, ...(goal ? { met: (goal.of === "ratio" ? ratio : figure.value) <= goal.limit } : {}) };
}

/** The machine and its load: on a busy machine even ratios are distorted, a p99 most of all. */
export function machine(date) {
  const [load = 0] = loadavg();
  const { versions, platform } = process;
  return { node: versions.node, platform, cores: availableParallelism(), load: Number(load.toFixed(1)), date };
}

export function table(figures) {
  const rows = figures.map((figure) =>
    figure.notMeasured
      ? [figure.name, "not measured:", figure.notMeasured, "", "", ""]
      : [
          figure.name,
          amount(figure.value, figure.unit),
          figure.floor === undefined ? "" : `${amount(figure.floor, figure.unit)} (${figure.floorName})`,
          figure.ratio === undefined ? "" : figure.ratio.toFixed(2),
          goalText(figure),
        ],
  );
  const all = [["figure", "measured", "floor", "ratio", "goal"], ...rows];
  const widths = all[0].map((_, i) => Math.max(...all.map((row) => row[i].length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function amount(value, unit) {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return unit ? `${value.toFixed(digits)} ${unit}` : value.toFixed(digits);
}

function goalText({ goal, unit, met, info }) {
  if (info) return "for information";
  if (!goal) return "";
  const limit = goal.of === "ratio" ? `ratio ≤ ${goal.limit}` : `≤ ${amount(goal.limit, unit)}`;
  return `${limit}: ${met ? "met" : "NOT met"}`;
}
