import { beforeAll, describe } from "vitest";
import { openPostgres } from "../../src/store/drivers/postgres.ts";
import { hasPostgres, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { storeConformance } from "./conformance.ts";

describe.skipIf(!hasPostgres("the store on PostgreSQL"))("PostgreSQL", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });

  storeConformance(async () => openPostgres({ url: await server.database(), pool: 10, random: Math.random }));
});
