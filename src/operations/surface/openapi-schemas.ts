/** The schemas of the OpenAPI document: those that have a name, and references to them wherever they occur. */
import { deviceShape } from "../support/device-shapes.ts";
import { memberShape, poolShape } from "../support/pool-shapes.ts";
import { serviceShape } from "../support/service-shapes.ts";
import { deliveryShape, mailShape, peerShape, proposalShape, recipientShape } from "../support/shapes.ts";
import { brokerStatus, healthAnswer, readyAnswer } from "./broker-status.ts";
import { jsonSchema } from "./surface.ts";

export type Json = Record<string, unknown>;

const shapes = {
  Peer: peerShape,
  Recipient: recipientShape,
  Message: mailShape,
  Delivery: deliveryShape,
  Pool: poolShape,
  Member: memberShape,
  Proposal: proposalShape,
  Service: serviceShape,
  Device: deviceShape,
  Health: healthAnswer,
  Ready: readyAnswer,
  Status: brokerStatus,
};

/** The named schemas. A function, because a broker that nobody asks for the document need not make them. */
export const namedSchemas = (): Record<string, Json> =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, openOutput(jsonSchema(shape, "output"))]));

export const schemaRef = (name: keyof typeof shapes): Json => ({ $ref: `#/components/schemas/${name}` });

/** A newer broker may answer with more fields: clients must ignore what they do not know. */
export function openOutput(schema: Json): Json {
  return mapObjects(schema, ({ additionalProperties, ...rest }) =>
    typeof additionalProperties === "boolean" || additionalProperties === undefined
      ? rest
      : { ...rest, additionalProperties },
  );
}

/** A function that replaces every schema that equals a named one, whatever its description, by a reference. */
export function referencesTo(named: Record<string, Json>): (schema: Json) => Json {
  const names = new Map(Object.entries(named).map(([name, one]) => [contentOf(one), name]));
  return (schema) =>
    mapObjects(schema, (one) => {
      const name = names.get(contentOf(one));
      return name === undefined ? one : { $ref: `#/components/schemas/${name}` };
    });
}

const contentOf = ({ description, ...rest }: Json): string => JSON.stringify(rest);

/** The value with `change` applied to every object in it, inner ones first. */
function mapObjects(value: Json, change: (object: Json) => Json): Json {
  const inside = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(inside);
    return typeof one === "object" && one !== null ? mapObjects({ ...one }, change) : one;
  };
  return change(Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inside(one)])));
}
