/** What a broker has counted, in the text format of Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from "prom-client";
import type { DeliveryState } from "../../rules/delivery.ts";
import type { Store } from "../../store/store.ts";
import type { SharedHints } from "../cluster/hints.ts";
import type * as kept from "./metrics.ts";

/** What is not counted but looked at when somebody asks. */
export interface Now {
  tally: kept.Tally;
  streams(): number;
  connections(): number;
  others: SharedHints | undefined;
  ready(): Promise<{ ready: boolean }>;
  /** How many deliveries are in each of the open states; `undefined` while the database does not answer. */
  open(): Promise<Partial<Record<DeliveryState, number>> | undefined>;
  counts: Store["counts"];
}

/** A histogram whose values were counted elsewhere, before this library was loaded. */
class Kept extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #values: kept.Histogram;

  constructor(name: string, help: string, values: kept.Histogram) {
    super({ name, help, buckets: [...values.bounds], registers: [] });
    this.#name = name;
    this.#help = help;
    this.#values = values;
  }

  /** What the registry asks for when it prints. */
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

/** Answers with a function that prints all metrics. To be made once: the process's own metrics count from then on. */
export function exposition(now: Now): { contentType: string; print(): Promise<string> } {
  const { tally, others } = now;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
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
    Number((await now.ready()).ready),
  );
  gauges("cct_deliveries_open", "Deliveries that wait or were not read yet, by state.", "state", now.open);
  counter(
    "cct_messages_sent_total",
    "Messages that were stored, the broker's own reports among them.",
    () => tally.sent,
  );
  counters("cct_deliveries_total", "Deliveries that came into a state, each time that one did.", "state", () => ({
    ...tally.deliveries,
  }));
  counter("cct_claims_total", "Deliveries that session servers and cct_check_messages took.", () => {
    return tally.deliveries.claimed ?? 0;
  });
  counter("cct_redeliveries_total", "Claims of mail that a model may have seen before.", () => tally.redelivered);
  counter("cct_claims_lost_total", "Claims that nobody knows to have been shown.", () => tally.lost);
  add(
    new Kept("cct_sent_to_delivered_seconds", "From the sending until the host took the text.", tally.sentToDelivered),
  );
  add(
    new Kept(
      "cct_delivered_to_read_seconds",
      "From then until the model answered with it in view.",
      tally.deliveredToRead,
    ),
  );
  counters("cct_store_transactions_total", "Transactions by how they ended.", "outcome", () => ({
    ...tally.transactions,
  }));
  add(
    new Kept("cct_store_transaction_seconds", "How long a transaction took, its waiting included.", tally.transaction),
  );
  counter("cct_store_retries_total", "Transactions that were run again.", () => now.counts?.().retries ?? 0);
  counter("cct_store_conflicts_total", "Transactions given up after all tries.", () => now.counts?.().conflicts ?? 0);
  gauge("cct_event_streams", "Event streams that are open.", now.streams);
  gauge("cct_connections", "Network connections that are open.", now.connections);
  counters("cct_http_answers_total", "Answers by the class of their status.", "status", () => tally.answers);
  counter("cct_rate_limited_total", "Requests refused because somebody was over a limit.", () => tally.rateLimited);
  counter("cct_wrong_credentials_total", "Requests with a wrong token or secret.", () => tally.wrongCredentials);
  counter("cct_hints_published_total", "Hints that this broker gave.", () => tally.hints);
  if (others) {
    counter("cct_hints_received_total", "Hints of other brokers that reached it.", others.heard);
    gauge("cct_listener_live", "1: it hears other brokers; 0: it does not.", () => Number(others.isLive()));
    gauge("cct_listener_lag_seconds", "How long its own voice took to come back.", () => {
      const lag = others.lagMs();
      return lag === undefined ? undefined : lag / 1000;
    });
  }
  gauge("cct_last_sweep_timestamp_seconds", "When the broker last looked after leases, deadlines and presence.", () =>
    tally.sweptAt === undefined ? undefined : tally.sweptAt / 1000,
  );
  return { contentType: registry.contentType, print: () => registry.metrics() };
}
