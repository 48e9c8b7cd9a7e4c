// The worlds that are being played, one per choice of situation, role and name.
import { SITUATIONS } from "./situations.mjs";
import { statusOf } from "./status.mjs";
import { World } from "./world.mjs";

const WORLDS_MAX = 200;
export const worlds = new Map();

export function worldOf(choice) {
  const key = `${choice.situation}.${choice.role}.${choice.world ?? ""}`;
  const known = worlds.get(key);
  if (known) return known;
  if (worlds.size >= WORLDS_MAX) throw new Error("too many worlds");
  const make = SITUATIONS[choice.situation];
  if (!make) throw new Error(`no situation "${choice.situation}"; there are: ${Object.keys(SITUATIONS).join(", ")}`);
  const world = new World(choice.role);
  make(world);
  world.onStatus = () => {
    for (const status of statuses(world)) world.tell("status", status);
  };
  worlds.set(key, world);
  return world;
}

export function statuses(world) {
  return [world, world.other].filter(Boolean).map((one) => statusOf(one));
}
