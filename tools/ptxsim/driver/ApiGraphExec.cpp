// Executable graphs: instantiation, launches, updates.
#include "driver/GraphNodes.h"
#include "driver/Streams.h"

using namespace ptxsim;

namespace {

std::shared_ptr<Graph> findGraph(Driver &driver, CUgraph handle) {
  std::shared_ptr<Graph> graph = driver.graphs.find(handle);
  require(graph != nullptr, CUDA_ERROR_INVALID_VALUE, "the graph does not exist (destroyed, or never created)");
  return graph;
}

std::shared_ptr<GraphExec> findExec(Driver &driver, CUgraphExec handle) {
  std::shared_ptr<GraphExec> exec = driver.graphExecs.find(handle);
  require(exec != nullptr, CUDA_ERROR_INVALID_VALUE, "the executable graph does not exist");
  return exec;
}

void mapOriginals(GraphExec &exec, const Graph &graph) {
  for (const std::shared_ptr<GraphNode> &node : graph.nodes) {
    exec.byOriginal[node->origin] = node.get();
    if (auto *child = std::get_if<GraphWork>(&node->work))
      mapOriginals(exec, *child->graph);
  }
}

CUresult instantiate(const char *name, CUgraphExec *out, CUgraph handle, unsigned long long flags,
                     CUDA_GRAPH_INSTANTIATE_PARAMS *parameters) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    requirePointer(out);
    const unsigned long long known = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH |
                                     CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD | CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;
    if (flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH)
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "graphs launched by the device are not implemented"};
    require(!(flags & ~known), CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<Graph> graph = findGraph(driver, handle);
    if (!graph->nodes.empty() && topologicalOrder(*graph).empty()) {
      if (parameters)
        parameters->result_out = CUDA_GRAPH_INSTANTIATE_INVALID_STRUCTURE;
      throw Failure{CUDA_ERROR_INVALID_VALUE, "the graph has a cycle"};
    }
    auto exec = std::make_shared<GraphExec>();
    exec->context = context;
    exec->flags = flags;
    exec->graph = cloneGraph(*graph, nullptr);
    mapOriginals(*exec, *exec->graph);
    *out = driver.graphExecs.add(exec);
    if (parameters) {
      parameters->result_out = CUDA_GRAPH_INSTANTIATE_SUCCESS;
      parameters->hErrNode_out = nullptr;
    }
    return CUDA_SUCCESS;
  });
}

/// Replaces the work of an executable graph's node by another of the same kind.
template <class Make> CUresult setWork(const char *name, CUgraphExec exec, CUgraphNode node, Make &&make) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<GraphExec> graph = findExec(driver, exec);
    auto found = graph->byOriginal.find(uint64_t(node));
    require(found != graph->byOriginal.end(), CUDA_ERROR_INVALID_VALUE,
            "the node is not one of the graph that was instantiated");
    Work work = make(driver);
    require(sameKind(work, found->second->work), CUDA_ERROR_INVALID_VALUE, "the node is of another kind");
    found->second->work = std::move(work);
    return CUDA_SUCCESS;
  });
}

/// Position of each dependency in its graph, so that two graphs can be compared.
std::vector<std::multiset<size_t>> shape(const Graph &graph) {
  std::map<const GraphNode *, size_t> index;
  for (size_t k = 0; k < graph.nodes.size(); ++k)
    index[graph.nodes[k].get()] = k;
  std::vector<std::multiset<size_t>> result(graph.nodes.size());
  for (size_t k = 0; k < graph.nodes.size(); ++k)
    for (const std::shared_ptr<GraphNode> &one : graph.nodes[k]->after)
      result[k].insert(index[one.get()]);
  return result;
}

CUresult update(const char *name, CUgraphExec execHandle, CUgraph graphHandle, CUgraphExecUpdateResultInfo &info) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<GraphExec> exec = findExec(driver, execHandle);
    std::shared_ptr<Graph> graph = findGraph(driver, graphHandle);
    info = {};
    info.result = CU_GRAPH_EXEC_UPDATE_SUCCESS;
    auto fail = [&](CUgraphExecUpdateResult result, const std::shared_ptr<GraphNode> &node) {
      info.result = result;
      info.errorNode = node ? driver.graphNodes.toHandle(*node) : nullptr;
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    };
    if (graph->nodes.size() != exec->graph->nodes.size() || shape(*graph) != shape(*exec->graph))
      return fail(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr);
    for (size_t k = 0; k < graph->nodes.size(); ++k)
      if (!sameKind(graph->nodes[k]->work, exec->graph->nodes[k]->work))
        return fail(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, graph->nodes[k]);
    // The nodes keep their places, so those of the old graph and of the new one both name them.
    std::shared_ptr<Graph> copy = cloneGraph(*graph, nullptr);
    for (size_t k = 0; k < graph->nodes.size(); ++k) {
      exec->graph->nodes[k]->work = std::move(copy->nodes[k]->work);
      exec->byOriginal[graph->nodes[k]->handle] = exec->graph->nodes[k].get();
    }
    return CUDA_SUCCESS;
  });
}

} // namespace

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags) {
  return instantiate(__func__, out, graph, flags, nullptr);
}
CUresult cuGraphInstantiateWithParams(CUgraphExec *out, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *parameters) {
  return parameters ? instantiate(__func__, out, graph, parameters->flags, parameters) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuGraphInstantiate_v2(CUgraphExec *out, CUgraph graph, CUgraphNode *errorNode, char *log, size_t logBytes) {
  if (errorNode)
    *errorNode = nullptr;
  if (log && logBytes)
    log[0] = 0;
  return instantiate(__func__, out, graph, 0, nullptr);
}
CUresult cuGraphInstantiate(CUgraphExec *out, CUgraph graph, CUgraphNode *errorNode, char *log, size_t logBytes) {
  return cuGraphInstantiate_v2(out, graph, errorNode, log, logBytes);
}

CUresult cuGraphExecGetFlags(CUgraphExec exec, cuuint64_t *flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(flags);
    *flags = findExec(driver, exec)->flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphExecDestroy(CUgraphExec exec) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    driver.graphExecs.erase(*findExec(driver, exec));
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    findExec(driver, exec);
    driver.stream(stream, context);
    return CUDA_SUCCESS; // nothing to prepare
  });
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream on) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<GraphExec> exec = findExec(driver, handle);
    std::shared_ptr<Stream> stream = driver.stream(on, context);
    if (stream->capture) { // a child graph, as it is now
      std::shared_ptr<Graph> copy = cloneGraph(*exec->graph, &driver);
      copy->child = true;
      driver.graphs.add(copy);
      issue(driver, stream, GraphWork{copy});
      return CUDA_SUCCESS;
    }
    // A point of the stream's order before the nodes and one behind them.
    OperationRef first = issue(driver, stream, EmptyWork{});
    std::vector<OperationRef> before{first};
    if (exec->last)
      before.push_back(exec->last);
    std::vector<OperationRef> last = submitGraph(driver, stream->context.lock(), *exec->graph, before, exec->disabled);
    last.push_back(first);
    exec->last = driver.queue.submit(stream, EmptyWork{}, last);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *info) {
  return info ? update(__func__, exec, graph, *info) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *errorNode, CUgraphExecUpdateResult *result) {
  if (!result)
    return CUDA_ERROR_INVALID_VALUE;
  CUgraphExecUpdateResultInfo info{};
  CUresult status = update(__func__, exec, graph, info);
  *result = info.result;
  if (errorNode)
    *errorNode = info.errorNode;
  return status;
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                           const CUDA_KERNEL_NODE_PARAMS *parameters) {
  return setWork(__func__, exec, node, [&](Driver &driver) { return kernelWork(driver, parameters); });
}
CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_KERNEL_NODE_PARAMS_v1 *parameters) {
  return setWork(__func__, exec, node, [&](Driver &driver) { return kernelWork(driver, parameters); });
}
CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *copy, CUcontext) {
  return setWork(__func__, exec, node, [&](Driver &driver) { return copyWork(driver, copy); });
}
CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS *fill,
                                        CUcontext) {
  return setWork(__func__, exec, node, [&](Driver &driver) { return memsetWork(driver, fill); });
}
CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS *host) {
  return setWork(__func__, exec, node, [&](Driver &) { return hostWork(host); });
}
CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  return setWork(__func__, exec, node, [&](Driver &driver) { return Work(EventWork{driver.event(event)}); });
}
CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  return setWork(__func__, exec, node, [&](Driver &driver) { return Work(EventWaitWork{driver.event(event)}); });
}
CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraph child) {
  return setWork(__func__, exec, node,
                 [&](Driver &driver) { return Work(GraphWork{cloneGraph(*findGraph(driver, child), nullptr)}); });
}
CUresult cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraphNodeParams *parameters) {
  return setWork(__func__, exec, node, [&](Driver &driver) { return anyWork(driver, parameters); });
}

CUresult cuGraphNodeSetEnabled(CUgraphExec exec, CUgraphNode node, unsigned enabled) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<GraphExec> graph = findExec(driver, exec);
    auto found = graph->byOriginal.find(uint64_t(node));
    require(found != graph->byOriginal.end(), CUDA_ERROR_INVALID_VALUE);
    CUgraphNodeType type = found->second->type;
    require(type == CU_GRAPH_NODE_TYPE_KERNEL || type == CU_GRAPH_NODE_TYPE_MEMCPY || type == CU_GRAPH_NODE_TYPE_MEMSET,
            CUDA_ERROR_INVALID_VALUE);
    if (enabled)
      graph->disabled.erase(found->second);
    else
      graph->disabled.insert(found->second);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphNodeGetEnabled(CUgraphExec exec, CUgraphNode node, unsigned *enabled) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(enabled);
    std::shared_ptr<GraphExec> graph = findExec(driver, exec);
    auto found = graph->byOriginal.find(uint64_t(node));
    require(found != graph->byOriginal.end(), CUDA_ERROR_INVALID_VALUE);
    *enabled = !graph->disabled.count(found->second);
    return CUDA_SUCCESS;
  });
}
