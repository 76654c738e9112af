/** The hooks under the bash of this machine. */
import { coreCases } from "./core/all.ts";

coreCases("bash");
