/** What EC2 allows with the routes of one table (API reference: CreateRoute, ReplaceRoute, DeleteRoute). Pure: routes in, routes or an `Ec2Error` out. */
import { cidrIsEmbedded, ownedBy } from "./state-edits.ts";
import { Ec2Error } from "./ports.ts";
import type { Ec2State, Route, RouteTable, RouteTarget } from "./ports.ts";

/** CreateRoute is no upsert: RouteAlreadyExists when the destination has a route. */
export function routesWithNew(state: Ec2State, table: RouteTable, route: Route): Route[] {
  checkTarget(state, table, route.target);
  const { destinationCidr } = route;
  if (cidrIsEmbedded(state, table.vpcId, destinationCidr)) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `The destination CIDR block ${destinationCidr} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance.`,
    );
  }
  if (table.routes.some((other) => other.destinationCidr === destinationCidr)) {
    throw new Ec2Error("RouteAlreadyExists", `The route identified by ${destinationCidr} already exists.`);
  }
  return [...table.routes, route];
}

/** InvalidParameterValue when there is nothing to replace, or a local route. */
export function routesWithReplaced(state: Ec2State, table: RouteTable, route: Route): Route[] {
  checkTarget(state, table, route.target);
  const { destinationCidr } = route;
  const index = table.routes.findIndex((other) => other.destinationCidr === destinationCidr);
  if (index < 0) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `There is no route defined for '${destinationCidr}' in the route table. Use CreateRoute instead.`,
    );
  }
  if (table.routes[index]?.target.type === "local") throw localRoute("replace", table, destinationCidr);
  return table.routes.with(index, route);
}

export function routesWithout(table: RouteTable, destinationCidr: string): Route[] {
  const route = table.routes.find((other) => other.destinationCidr === destinationCidr);
  if (route === undefined) {
    throw new Ec2Error(
      "InvalidRoute.NotFound",
      `no route with destination-cidr-block ${destinationCidr} in route table ${table.routeTableId}`,
    );
  }
  if (route.target.type === "local") throw localRoute("remove", table, destinationCidr);
  return table.routes.filter((other) => other !== route);
}

function localRoute(verb: string, table: RouteTable, destinationCidr: string): Ec2Error {
  return new Ec2Error(
    "InvalidParameterValue",
    `cannot ${verb} local route ${destinationCidr} in route table ${table.routeTableId}`,
  );
}

function checkTarget(state: Ec2State, table: RouteTable, target: RouteTarget): void {
  if (target.type !== "networkInterface") return;
  const { networkInterfaceId: id } = target;
  const eni = ownedBy(state.networkInterfaces, id, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID");
  if (eni.vpcId === table.vpcId) return;
  throw new Ec2Error(
    "InvalidParameterValue",
    `route table ${table.routeTableId} and interface ${id} belong to different networks`,
  );
}
