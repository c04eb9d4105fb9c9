// Graphs: nodes of work with edges, and their executable copies.
#pragma once

#include "driver/Queue.h"

#include <set>

namespace ptxsim {

struct GraphNode {
  uint64_t handle = 0;
  uint64_t origin = 0; ///< handle of the node that this one was copied from
  std::weak_ptr<Graph> graph;
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  Work work;
  std::vector<std::shared_ptr<GraphNode>> after;
  std::map<int, CUlaunchAttributeValue> attributes; ///< kernel nodes
  std::vector<void *> parameterPointers;            ///< what cuGraphKernelNodeGetParams hands out
};

struct Graph {
  uint64_t handle = 0;
  bool child = false; ///< owned by a node
  std::vector<std::shared_ptr<GraphNode>> nodes;
  ~Graph();
};

struct GraphExec {
  uint64_t handle = 0, flags = 0;
  std::weak_ptr<Context> context;
  std::shared_ptr<Graph> graph;               ///< a copy that only this object has
  std::map<uint64_t, GraphNode *> byOriginal; ///< handles of the programs' nodes to the copies
  std::set<GraphNode *> disabled;
  OperationRef last; ///< a launch waits for the one before it
};

CUgraphNodeType nodeType(const Work &work);
std::shared_ptr<GraphNode> addNode(Driver &driver, const std::shared_ptr<Graph> &graph, Work work,
                                   std::vector<std::shared_ptr<GraphNode>> after);
/// A deep copy. With `driver` the copies get handles.
std::shared_ptr<Graph> cloneGraph(const Graph &graph, Driver *driver);
/// Nodes so that each comes behind those it depends on; empty if the edges have a cycle (and there are nodes).
std::vector<std::shared_ptr<GraphNode>> topologicalOrder(const Graph &graph);
/// Submits all nodes behind `after`; the operations that nothing in the graph follows.
std::vector<OperationRef> submitGraph(Driver &driver, const std::shared_ptr<Context> &context, const Graph &graph,
                                      const std::vector<OperationRef> &after, const std::set<GraphNode *> &disabled);
/// Whether two pieces of work are of one kind, so that one may replace the other in an executable graph.
bool sameKind(const Work &one, const Work &other);

} // namespace ptxsim
