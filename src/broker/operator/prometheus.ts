/** Prints a broker's metrics in the text format of Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from "prom-client";
import type { DeliveryState } from "../../rules/delivery.ts";
import type { Store } from "../../store/store.ts";
import type { SharedHints } from "../cluster/hints.ts";
import type * as counted from "./metrics.ts";
import type { Readiness } from "./readiness.ts";

/** The counters, and what is measured when metrics are requested. */
interface Sources {
  metrics: counted.Metrics;
  streams(): number;
  connections(): number;
  others: SharedHints | undefined;
  readiness(): Promise<Readiness>;
  isClockConfirmed(): boolean;
  /** Unfinished deliveries by state; `undefined` while the database does not answer. */
  openDeliveries(): Promise<Partial<Record<DeliveryState, number>> | undefined>;
  storeCounts: Store["counts"];
}

/** A histogram whose values were counted before this library was loaded. */
class CountedHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #values: counted.Histogram;

  constructor(name: string, help: string, values: counted.Histogram) {
    super({ name, help, buckets: [...values.bounds], registers: [] });
    this.#name = name;
    this.#help = help;
    this.#values = values;
  }

  /** Called by the registry. */
  async getForPromString() {
    const { bounds, counts, sum, count } = this.#values;
    let below = 0;
    const value = (end: string, labels: Record<string, string | number>, value: number) => ({
      metricName: `${this.#name}_${end}`,
      labels,
      value,
    });
    const buckets = bounds.map((le, i) => {
      below += counts[i] ?? 0;
      return value("bucket", { le }, below);
    });
    const values = [
      ...buckets,
      value("bucket", { le: "+Inf" }, count),
      value("sum", {}, sum),
      value("count", {}, count),
    ];
    return { name: this.#name, help: this.#help, type: "histogram", values, aggregator: "sum" };
  }
}

/** Gauges with the ending of counters, which `promtool check metrics` rejects. Those without it have the same by type. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/** Returns a function that prints all metrics. Call it once: the metrics of the process count from then on. */
export function createPrinter(sources: Sources): { contentType: string; print(): Promise<string> } {
  const { metrics, others } = sources;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const add = (metric: Metric): void => registry.registerMetric(metric);

  const gauge = (name: string, help: string, value: () => number | undefined | Promise<number | undefined>): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const current = await value();
        if (current === undefined) this.remove();
        else this.set(current);
      },
    });
  };
  const gauges = (
    name: string,
    help: string,
    label: string,
    values: () => Promise<Record<string, number> | undefined>,
  ): void => {
    new Gauge({
      name,
      help,
      registers,
      labelNames: [label],
      async collect() {
        this.reset();
        for (const [key, value] of Object.entries((await values()) ?? {})) this.set({ [label]: key }, value);
      },
    });
  };
  const counter = (name: string, help: string, value: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  };
  const counters = (name: string, help: string, label: string, values: () => Record<string, number>): void => {
    new Counter({
      name,
      help,
      registers,
      labelNames: [label],
      collect() {
        this.reset();
        for (const [key, value] of Object.entries(values())) this.inc({ [label]: key }, value);
      },
    });
  };

  gauge("cct_ready", "1: the broker can do its work; 0: it cannot, see GET /ready.", async () =>
    Number((await sources.readiness()).ready),
  );
  gauge("cct_clock_confirmed", "1: time is trusted; 0: nothing is deleted, expired or released, see GET /status.", () =>
    Number(sources.isClockConfirmed()),
  );
  gauges("cct_deliveries_open", "Deliveries that are not finished, by state.", "state", sources.openDeliveries);
  counter("cct_messages_sent_total", "Stored messages, including the broker's own reports.", () => metrics.sent);
  counters("cct_deliveries_total", "How often deliveries entered each state.", "state", () => ({
    ...metrics.deliveries,
  }));
  counter("cct_claims_total", "Deliveries claimed by session servers and cct_check_messages.", () => {
    return metrics.deliveries.claimed ?? 0;
  });
  counter("cct_redeliveries_total", "Claims of mail that a model may have seen before.", () => metrics.redelivered);
  counter(
    "cct_claims_lost_total",
    "Claims that ended without anybody knowing whether the text was shown.",
    () => metrics.lost,
  );
  add(
    new CountedHistogram(
      "cct_sent_to_delivered_seconds",
      "From sending until the host took the text.",
      metrics.sentToDelivered,
    ),
  );
  add(
    new CountedHistogram(
      "cct_delivered_to_read_seconds",
      "From then until the model answered with the text in its context.",
      metrics.deliveredToRead,
    ),
  );
  counters("cct_store_transactions_total", "Transactions by outcome.", "outcome", () => ({
    ...metrics.transactions,
  }));
  add(
    new CountedHistogram(
      "cct_store_transaction_seconds",
      "Duration of a transaction, including its wait for the database.",
      metrics.transaction,
    ),
  );
  counter("cct_store_retries_total", "Transactions that were retried.", () => sources.storeCounts?.().retries ?? 0);
  counter(
    "cct_store_conflicts_total",
    "Transactions that failed after all retries.",
    () => sources.storeCounts?.().conflicts ?? 0,
  );
  gauge("cct_event_streams", "Open event streams.", sources.streams);
  gauge("cct_connections", "Open network connections.", sources.connections);
  counters("cct_http_answers_total", "HTTP responses by status class.", "status", () => metrics.answers);
  counter("cct_rate_limited_total", "Requests refused because of a rate limit.", () => metrics.rateLimited);
  counter("cct_wrong_credentials_total", "Requests with a wrong token or secret.", () => metrics.wrongCredentials);
  counter("cct_hints_published_total", "Hints that this broker published.", () => metrics.hints);
  if (others) {
    counter("cct_hints_received_total", "Hints received from other brokers.", others.received);
    gauge("cct_listener_live", "1: hints of other brokers arrive; 0: they do not.", () => Number(others.isLive()));
    gauge("cct_listener_lag_seconds", "Round-trip time of the broker's last ping to itself.", () => {
      const lag = others.lagMs();
      return lag === undefined ? undefined : lag / 1000;
    });
  }
  gauge("cct_last_sweep_timestamp_seconds", "When the last sweep (leases, deadlines, presence) ended.", () =>
    metrics.sweptAt === undefined ? undefined : metrics.sweptAt / 1000,
  );
  return { contentType: registry.contentType, print: () => registry.metrics() };
}
