/**
 * Which faults, in which order: an endless sequence of chapters that depends on the seed and the timings alone. Every
 * single fault comes once in each round, in random order, with pairs between them. Pure.
 */
import type { Timings } from "../../api/timings.ts";
import { freePauseMs } from "./bounds.ts";
import type { Chapter, FaultKind, PlannedFault, Victim } from "./faults.ts";
import { CLOUD_OUTCOMES, faultName, MEMBER_FAULTS, OTHER_FAULTS } from "./faults.ts";
import { seededDice } from "./seeded.ts";
import type { Dice } from "./seeded.ts";

/** So many single faults, then two that overlap. */
const SINGLES_PER_PAIR = 3;
/** The second fault of a pair begins at most so long after the first, in ms. */
const MAX_OFFSET_MS = 3_000;

export interface Card {
  readonly kind: FaultKind;
  readonly victim: Victim;
}

/** Every single fault there is. */
export const CARDS: readonly Card[] = [
  ...MEMBER_FAULTS.flatMap((kind): Card[] => [
    { kind, victim: "active" },
    { kind, victim: "standby" },
  ]),
  ...Object.entries(OTHER_FAULTS).map(([kind, victim]): Card => ({ kind: kind as keyof typeof OTHER_FAULTS, victim })),
];

export function* chaosPlan(seed: number, timings: Timings): Generator<Chapter, never> {
  const dice = seededDice(seed);
  for (let number = 1; ;) {
    for (const [index, card] of dice.shuffled(CARDS).entries()) {
      yield { number: number++, faults: [planned(card, 0, dice, timings)] };
      if (index % SINGLES_PER_PAIR === SINGLES_PER_PAIR - 1) yield { number: number++, faults: pair(dice, timings) };
    }
  }
}

/** The same one or two faults again and again, of random length: for whoever looks for the cause of a failure. */
export function* onlyPlan(seed: number, cards: readonly Card[], timings: Timings): Generator<Chapter, never> {
  const dice = seededDice(seed);
  const [one, other] = cards;
  if (one === undefined) throw new RangeError("a chapter has a fault");
  for (let number = 1; ; number++) {
    const first = planned(one, 0, dice, timings);
    const second = other && planned(other, dice.between(0, MAX_OFFSET_MS), dice, timings);
    yield { number, faults: second === undefined ? [first] : [first, second] };
  }
}

/** The faults that a chapter's name stands for; undefined when there is no such chapter. */
export function cardsOf(name: string): readonly Card[] | undefined {
  const parts = name.split("+");
  const cards = parts.flatMap((part) => CARDS.filter((card) => faultName(card) === part));
  const hasOwnVictims = new Set(cards.map((card) => card.victim)).size === parts.length;
  return cards.length === parts.length && hasOwnVictims && cards.length <= 2 ? cards : undefined;
}

function pair(dice: Dice, timings: Timings): readonly [PlannedFault, PlannedFault] {
  const [one, ...others] = dice.shuffled(CARDS);
  const other = others.find((card) => card.victim !== one?.victim);
  if (one === undefined || other === undefined) throw new RangeError("there are faults for different victims");
  const [first, second] = dice.shuffled([one, other]);
  if (first === undefined || second === undefined) throw new RangeError("a pair is two");
  return [planned(first, 0, dice, timings), planned(second, dice.between(0, MAX_OFFSET_MS), dice, timings)];
}

function planned(card: Card, afterMs: number, dice: Dice, timings: Timings): PlannedFault {
  const [least, most] = lengthsMs(card.kind, timings);
  const fault = { ...card, afterMs, lengthMs: dice.between(least, most) };
  if (card.kind === "cloud-slow") return { ...fault, latencyMs: dice.between(500, 2_000) };
  if (card.kind === "cloud-failing") return { ...fault, outcome: dice.pick(CLOUD_OUTCOMES) };
  return fault;
}

/** Shortest and longest, in ms. */
function lengthsMs(kind: FaultKind, timings: Timings): readonly [number, number] {
  const { sessionDurationMs, renewDeadlineMs } = timings;
  switch (kind) {
    case "vm-crash":
      return [0, 3_000];
    case "pause-short":
    case "cut-off-short":
      return [100, freePauseMs(timings) - 100];
    case "freeze":
      // From "the guard is late" over "the watchdog bites" to "others have taken over".
      return [renewDeadlineMs, sessionDurationMs + 2_500];
    case "cut-off":
    case "cut-off-inbound":
    case "cut-off-outbound":
      return [renewDeadlineMs, 2 * sessionDurationMs];
    case "guard-kill":
    case "worker-kill":
    case "controller-kill":
    case "leader-kill":
      return [0, 0];
    case "controllers-kill":
      return [0, 2_000];
    case "api-kill":
    case "api-freeze":
    case "leader-freeze":
      return [500, 2 * sessionDurationMs];
    case "cloud-slow":
    case "cloud-failing":
      return [4_000, 9_000];
  }
}
