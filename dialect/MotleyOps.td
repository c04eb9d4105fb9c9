// All operations of the motley dialect, one file for each group.
#ifndef MOTLEY_OPS
#define MOTLEY_OPS

include "dialect/MotleyBase.td"
include "dialect/MotleyInterfaces.td"
include "dialect/StateOps.td"
include "dialect/ModelOps.td"
include "dialect/RouteOps.td"
include "dialect/GroupOps.td"
include "dialect/MixOps.td"
include "dialect/GroupedOps.td"

#endif // MOTLEY_OPS
