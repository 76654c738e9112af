// A reporter for vitest: writes the counts of a run and what failed in it, in a test or outside of all tests, to the file
// that `CCT_TEST_REPORT` names.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { errorLines } from "./failures.mjs";

export default class Report {
  onTestRunEnd(modules, unhandled) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const failures = [];
    const add = (where, errors) => failures.push(...errors.map((error) => ({ where, error: errorLines(error) })));
    for (const module of modules) {
      const file = module.relativeModuleId;
      // It cannot be loaded, or what stands before or after all of its tests failed.
      add(file, module.errors());
      for (const suite of module.children.allSuites()) add(`${file} > ${suite.fullName}`, suite.errors());
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        counts[state === "passed" || state === "failed" ? state : "skipped"]++;
        if (state === "failed") add(`${file} > ${test.fullName}`, errors.slice(0, 1));
      }
    }
    // Of an error outside of all tests only the file that ran is known.
    for (const error of unhandled) add(relative("", error.VITEST_TEST_PATH ?? "") || "no file", [error]);
    if (process.env.CCT_TEST_REPORT)
      writeFileSync(process.env.CCT_TEST_REPORT, JSON.stringify({ ...counts, failures }));
  }
}
