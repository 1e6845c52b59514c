/** The API's types under the names this folder uses. */
import type { Condition as ApiCondition, FailoverGroupStatus, Move } from "../../api/generated/types.ts";

export type {
  FailoverGroup,
  FailoverGroupStatus,
  GroupOperation,
  GroupPhase,
  GroupResource,
  Hold,
  HoldReason,
  MemberReport as Report,
  MemberVerdict,
  MoveCause as Cause,
  MoveSteps,
  NotPromotableReason as MemberReason,
  ResourceState,
  ResourceView,
} from "../../api/generated/types.ts";

export type Condition = ApiCondition;
export type HistoryEntry = Move;

/** The part of the group's status that the controller writes: all but the agents' reports. */
export type ControllerStatus = Omit<FailoverGroupStatus, "reports">;
