#include "driver/Graph.h"

#include "driver/Driver.h"

#include <algorithm>

namespace ptxsim {

Graph::~Graph() {
  // Chains may be long; taken apart link by link they do not unwind by recursion.
  for (const std::shared_ptr<GraphNode> &node : nodes)
    node->after.clear();
}

CUgraphNodeType nodeType(const Work &work) {
  struct Namer {
    CUgraphNodeType operator()(const EmptyWork &) { return CU_GRAPH_NODE_TYPE_EMPTY; }
    CUgraphNodeType operator()(const KernelWork &) { return CU_GRAPH_NODE_TYPE_KERNEL; }
    CUgraphNodeType operator()(const CopyWork &) { return CU_GRAPH_NODE_TYPE_MEMCPY; }
    CUgraphNodeType operator()(const MemsetWork &) { return CU_GRAPH_NODE_TYPE_MEMSET; }
    CUgraphNodeType operator()(const HostWork &) { return CU_GRAPH_NODE_TYPE_HOST; }
    CUgraphNodeType operator()(const EventWork &) { return CU_GRAPH_NODE_TYPE_EVENT_RECORD; }
    CUgraphNodeType operator()(const EventWaitWork &) { return CU_GRAPH_NODE_TYPE_WAIT_EVENT; }
    CUgraphNodeType operator()(const FreeWork &) { return CU_GRAPH_NODE_TYPE_MEM_FREE; }
    CUgraphNodeType operator()(const WriteValueWork &) { return CU_GRAPH_NODE_TYPE_BATCH_MEM_OP; }
    CUgraphNodeType operator()(const WaitValueWork &) { return CU_GRAPH_NODE_TYPE_BATCH_MEM_OP; }
    CUgraphNodeType operator()(const GraphWork &) { return CU_GRAPH_NODE_TYPE_GRAPH; }
  };
  return std::visit(Namer{}, work);
}

bool sameKind(const Work &one, const Work &other) { return one.index() == other.index(); }

std::shared_ptr<GraphNode> addNode(Driver &driver, const std::shared_ptr<Graph> &graph, Work work,
                                   std::vector<std::shared_ptr<GraphNode>> after) {
  auto node = std::make_shared<GraphNode>();
  node->graph = graph;
  node->type = nodeType(work);
  node->work = std::move(work);
  node->after = std::move(after);
  driver.graphNodes.add(node);
  graph->nodes.push_back(node);
  return node;
}

std::shared_ptr<Graph> cloneGraph(const Graph &graph, Driver *driver) {
  auto result = std::make_shared<Graph>();
  std::map<const GraphNode *, std::shared_ptr<GraphNode>> copies;
  for (const std::shared_ptr<GraphNode> &node : graph.nodes) {
    auto copy = std::make_shared<GraphNode>(*node);
    copy->origin = node->handle;
    copy->graph = result;
    copy->handle = 0;
    copy->parameterPointers.clear();
    if (auto *child = std::get_if<GraphWork>(&copy->work)) {
      child->graph = cloneGraph(*child->graph, driver);
      child->graph->child = true;
      if (driver)
        driver->graphs.add(child->graph);
    }
    if (driver)
      driver->graphNodes.add(copy);
    copies[node.get()] = copy;
    result->nodes.push_back(copy);
  }
  for (const std::shared_ptr<GraphNode> &node : result->nodes)
    for (std::shared_ptr<GraphNode> &one : node->after)
      one = copies.at(one.get());
  return result;
}

std::vector<std::shared_ptr<GraphNode>> topologicalOrder(const Graph &graph) {
  std::map<const GraphNode *, size_t> missing;
  std::map<const GraphNode *, std::vector<std::shared_ptr<GraphNode>>> followers;
  std::vector<std::shared_ptr<GraphNode>> order;
  for (const std::shared_ptr<GraphNode> &node : graph.nodes) {
    missing[node.get()] = node->after.size();
    for (const std::shared_ptr<GraphNode> &one : node->after)
      followers[one.get()].push_back(node);
    if (node->after.empty())
      order.push_back(node);
  }
  for (size_t at = 0; at < order.size(); ++at)
    for (const std::shared_ptr<GraphNode> &node : followers[order[at].get()])
      if (--missing[node.get()] == 0)
        order.push_back(node);
  if (order.size() != graph.nodes.size())
    order.clear();
  return order;
}

std::vector<OperationRef> submitGraph(Driver &driver, const std::shared_ptr<Context> &context, const Graph &graph,
                                      const std::vector<OperationRef> &after, const std::set<GraphNode *> &disabled) {
  std::map<const GraphNode *, std::vector<OperationRef>> done;
  std::set<const GraphNode *> followed;
  for (const std::shared_ptr<GraphNode> &node : topologicalOrder(graph)) {
    std::vector<OperationRef> before = node->after.empty() ? after : std::vector<OperationRef>();
    for (const std::shared_ptr<GraphNode> &one : node->after) {
      before.insert(before.end(), done[one.get()].begin(), done[one.get()].end());
      followed.insert(one.get());
    }
    if (auto *child = std::get_if<GraphWork>(&node->work)) {
      // The child's own first node may be missing: an empty graph is a point in the order all the same.
      std::vector<OperationRef> inner = submitGraph(driver, context, *child->graph, before, disabled);
      done[node.get()] = {driver.queue.submitAfter(context, inner.empty() ? before : inner, EmptyWork{})};
      continue;
    }
    Work work = disabled.count(node.get()) ? Work(EmptyWork{}) : node->work;
    if (auto *wait = std::get_if<EventWaitWork>(&work); wait && wait->event->recorded)
      before.push_back(wait->event->recorded);
    OperationRef operation = driver.queue.submitAfter(context, before, work);
    if (auto *record = std::get_if<EventWork>(&node->work); record && !disabled.count(node.get()))
      record->event->recorded = operation;
    done[node.get()] = {operation};
  }
  std::vector<OperationRef> last;
  for (const auto &[node, operations] : done)
    if (!followed.count(node))
      last.insert(last.end(), operations.begin(), operations.end());
  return last;
}

} // namespace ptxsim
