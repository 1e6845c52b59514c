/**
 * The least that an identity must be allowed, as an Azure custom role (`az role definition create`): actions, and the
 * scopes that it may be assigned at. Roles know no resource per action, so the assignment narrows it. Pure.
 */
import { AZURE_CALLS, type AzureCall, type AzureVariant } from "./azure-calls.ts";

export interface AzureNeed {
  readonly call: AzureCall;
  readonly variant: AzureVariant;
  /** Undefined: not known yet. */
  readonly subscriptionId: string | undefined;
  readonly resourceGroup: string | undefined;
}

export interface AzureRole {
  readonly Name: string;
  readonly IsCustom: true;
  readonly Description: string;
  readonly Actions: readonly string[];
  readonly NotActions: readonly [];
  readonly AssignableScopes: readonly string[];
}

/** What is written where a subscription is not known: Azure refuses the role until a person fills it in. */
const UNKNOWN_SUBSCRIPTION = "SUBSCRIPTION-ID";

export function azureRole(name: string, needs: readonly AzureNeed[]): AzureRole {
  return {
    Name: name,
    IsCustom: true,
    Description: "What Understudy calls for this group, and nothing else.",
    Actions: unique(needs.map(({ call, variant }) => AZURE_CALLS[call](variant))),
    NotActions: [],
    AssignableScopes: unique(needs.map(scopeOf)),
  };
}

function scopeOf({ subscriptionId = UNKNOWN_SUBSCRIPTION, resourceGroup }: AzureNeed): string {
  const subscription = `/subscriptions/${subscriptionId}`;
  return resourceGroup === undefined ? subscription : `${subscription}/resourceGroups/${resourceGroup}`;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
