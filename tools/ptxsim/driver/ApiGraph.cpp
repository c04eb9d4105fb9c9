// Graphs as programs build them: nodes, edges, parameters, copies.
#include "driver/GraphNodes.h"

#include <algorithm>
#include <cstring>

using namespace ptxsim;

namespace {

std::shared_ptr<Graph> findGraph(Driver &driver, CUgraph handle) {
  std::shared_ptr<Graph> graph = driver.graphs.find(handle);
  require(graph != nullptr, CUDA_ERROR_INVALID_VALUE, "the graph does not exist (destroyed, or never created)");
  return graph;
}

std::shared_ptr<GraphNode> findNode(Driver &driver, CUgraphNode handle) {
  std::shared_ptr<GraphNode> node = driver.graphNodes.find(handle);
  require(node != nullptr, CUDA_ERROR_INVALID_VALUE, "the graph node does not exist (destroyed, or never created)");
  return node;
}

/// Adds a node of the work that `make` gives.
template <class Make>
CUresult add(const char *name, CUgraphNode *out, CUgraph graphHandle, const CUgraphNode *dependencies, size_t count,
             Make &&make) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(out && (dependencies || !count), CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<Graph> graph = findGraph(driver, graphHandle);
    std::vector<std::shared_ptr<GraphNode>> after;
    for (size_t k = 0; k < count; ++k) {
      after.push_back(findNode(driver, dependencies[k]));
      require(after.back()->graph.lock() == graph, CUDA_ERROR_INVALID_VALUE, "a dependency is a node of another graph");
      require(std::count(after.begin(), after.end(), after.back()) == 1, CUDA_ERROR_INVALID_VALUE,
              "a dependency is given twice");
    }
    *out = driver.graphNodes.toHandle(*addNode(driver, graph, make(driver), after));
    return CUDA_SUCCESS;
  });
}

/// Reads the work of a node of one kind, by `use(driver, node, work)`.
template <class Kind, class Use> CUresult withNode(const char *name, CUgraphNode handle, Use &&use) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<GraphNode> node = findNode(driver, handle);
    auto *work = std::get_if<Kind>(&node->work);
    require(work, CUDA_ERROR_INVALID_VALUE, "the node is of another kind");
    use(driver, *node, *work);
    return CUDA_SUCCESS;
  });
}

template <class Kind, class Make> CUresult setNode(const char *name, CUgraphNode handle, Make &&make) {
  return withNode<Kind>(name, handle, [&](Driver &driver, GraphNode &node, Kind &) { node.work = make(driver); });
}

/// Handles of nodes in the manner of cuGraphGetNodes: null asks for the number.
void giveNodes(const std::vector<std::shared_ptr<GraphNode>> &nodes, CUgraphNode *out, size_t *count) {
  requirePointer(count);
  if (out) {
    for (size_t k = 0; k < *count; ++k)
      out[k] = k < nodes.size() ? CUgraphNode(nodes[k]->handle) : nullptr;
    *count = std::min(*count, nodes.size());
  } else {
    *count = nodes.size();
  }
}

void kernelParameters(GraphNode &node, const KernelWork &work, CUDA_KERNEL_NODE_PARAMS_v2 &out) {
  const ptx::Function &kernel = *work.function->kernel.function;
  node.parameterPointers.clear();
  for (const auto &parameter : kernel.parameters)
    node.parameterPointers.push_back(const_cast<uint8_t *>(work.parameters.data()) +
                                     kernel.parameterOffset(*parameter));
  std::memset(&out, 0, sizeof out);
  out.func = CUfunction(work.function->handle);
  out.gridDimX = work.config.grid[0], out.gridDimY = work.config.grid[1], out.gridDimZ = work.config.grid[2];
  out.blockDimX = work.config.block[0], out.blockDimY = work.config.block[1], out.blockDimZ = work.config.block[2];
  out.sharedMemBytes = work.config.dynamicShared;
  out.kernelParams = node.parameterPointers.empty() ? nullptr : node.parameterPointers.data();
}

struct Edge {
  std::shared_ptr<GraphNode> from, to;
};

std::vector<Edge> edgesOf(const Graph &graph) {
  std::vector<Edge> edges;
  for (const std::shared_ptr<GraphNode> &node : graph.nodes)
    for (const std::shared_ptr<GraphNode> &one : node->after)
      edges.push_back({one, node});
  return edges;
}

CUresult changeEdges(const char *name, CUgraph handle, const CUgraphNode *from, const CUgraphNode *to, size_t count,
                     bool add) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<Graph> graph = findGraph(driver, handle);
    require(!count || (from && to), CUDA_ERROR_INVALID_VALUE);
    for (size_t k = 0; k < count; ++k) {
      std::shared_ptr<GraphNode> first = findNode(driver, from[k]), second = findNode(driver, to[k]);
      require(first->graph.lock() == graph && second->graph.lock() == graph && first != second,
              CUDA_ERROR_INVALID_VALUE, "an edge leaves the graph, or is a loop");
      auto at = std::find(second->after.begin(), second->after.end(), first);
      require((at == second->after.end()) == add, CUDA_ERROR_INVALID_VALUE,
              add ? "the edge exists already" : "there is no such edge");
      if (add)
        second->after.push_back(first);
      else
        second->after.erase(at);
    }
    return CUDA_SUCCESS;
  });
}

void destroyGraph(Driver &driver, Graph &graph) {
  for (const std::shared_ptr<GraphNode> &node : graph.nodes) {
    if (auto *child = std::get_if<GraphWork>(&node->work); child && child->graph->handle)
      destroyGraph(driver, *child->graph);
    driver.graphNodes.erase(*node);
  }
  driver.graphs.erase(graph);
}

CUresult getEdges(const char *name, CUgraph handle, CUgraphNode *from, CUgraphNode *to, CUgraphEdgeData *data,
                  size_t *count) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(count && !from == !to, CUDA_ERROR_INVALID_VALUE);
    std::vector<Edge> edges = edgesOf(*findGraph(driver, handle));
    if (from) {
      for (size_t k = 0; k < *count; ++k) {
        from[k] = k < edges.size() ? CUgraphNode(edges[k].from->handle) : nullptr;
        to[k] = k < edges.size() ? CUgraphNode(edges[k].to->handle) : nullptr;
        if (data)
          data[k] = {};
      }
      *count = std::min(*count, edges.size());
    } else {
      *count = edges.size();
    }
    return CUDA_SUCCESS;
  });
}

CUresult neighbours(const char *name, CUgraphNode handle, CUgraphNode *out, CUgraphEdgeData *data, size_t *count,
                    bool before) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<GraphNode> node = findNode(driver, handle);
    std::vector<std::shared_ptr<GraphNode>> found = node->after;
    if (!before) {
      found.clear();
      if (std::shared_ptr<Graph> graph = node->graph.lock())
        for (const Edge &edge : edgesOf(*graph))
          if (edge.from == node)
            found.push_back(edge.to);
    }
    if (data && out && count)
      std::fill_n(data, *count, CUgraphEdgeData{});
    giveNodes(found, out, count);
    return CUDA_SUCCESS;
  });
}

Work childGraph(Driver &driver, CUgraph handle) {
  std::shared_ptr<Graph> copy = cloneGraph(*findGraph(driver, handle), &driver);
  copy->child = true;
  driver.graphs.add(copy);
  return GraphWork{copy};
}

} // namespace

CUresult cuGraphCreate(CUgraph *out, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(out && !flags, CUDA_ERROR_INVALID_VALUE);
    *out = driver.graphs.add(std::make_shared<Graph>());
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphDestroy(CUgraph handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<Graph> graph = findGraph(driver, handle);
    require(!graph->child, CUDA_ERROR_INVALID_VALUE, "a child graph belongs to its node");
    destroyGraph(driver, *graph);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphClone(CUgraph *out, CUgraph handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(out);
    *out = driver.graphs.add(cloneGraph(*findGraph(driver, handle), &driver));
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphNodeFindInClone(CUgraphNode *out, CUgraphNode original, CUgraph clone) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(out);
    for (const std::shared_ptr<GraphNode> &node : findGraph(driver, clone)->nodes)
      if (node->origin == uint64_t(original)) {
        *out = driver.graphNodes.toHandle(*node);
        return CUDA_SUCCESS;
      }
    return CUDA_ERROR_INVALID_VALUE;
  });
}

CUresult cuGraphAddKernelNode_v2(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                 const CUDA_KERNEL_NODE_PARAMS *parameters) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &driver) { return kernelWork(driver, parameters); });
}
CUresult cuGraphAddKernelNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                              const CUDA_KERNEL_NODE_PARAMS_v1 *parameters) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &driver) { return kernelWork(driver, parameters); });
}
CUresult cuGraphAddMemcpyNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                              const CUDA_MEMCPY3D *copy, CUcontext) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &driver) { return copyWork(driver, copy); });
}
CUresult cuGraphAddMemsetNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                              const CUDA_MEMSET_NODE_PARAMS *fill, CUcontext) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &driver) { return memsetWork(driver, fill); });
}
CUresult cuGraphAddHostNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                            const CUDA_HOST_NODE_PARAMS *host) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &) { return hostWork(host); });
}
CUresult cuGraphAddEmptyNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &) { return Work(EmptyWork{}); });
}
CUresult cuGraphAddChildGraphNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                  CUgraph child) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &driver) { return childGraph(driver, child); });
}
CUresult cuGraphAddEventRecordNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                   CUevent event) {
  return add(__func__, out, graph, dependencies, count,
             [&](Driver &driver) { return Work(EventWork{driver.event(event)}); });
}
CUresult cuGraphAddEventWaitNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                 CUevent event) {
  return add(__func__, out, graph, dependencies, count,
             [&](Driver &driver) { return Work(EventWaitWork{driver.event(event)}); });
}
CUresult cuGraphAddNode_v2(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, const CUgraphEdgeData *,
                           size_t count, CUgraphNodeParams *parameters) {
  return add(__func__, out, graph, dependencies, count, [&](Driver &driver) { return anyWork(driver, parameters); });
}
CUresult cuGraphAddNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                        CUgraphNodeParams *parameters) {
  return cuGraphAddNode_v2(out, graph, dependencies, nullptr, count, parameters);
}

CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode handle, CUDA_KERNEL_NODE_PARAMS *out) {
  if (!out)
    return CUDA_ERROR_INVALID_VALUE;
  return withNode<KernelWork>(__func__, handle,
                              [&](Driver &, GraphNode &node, KernelWork &work) { kernelParameters(node, work, *out); });
}
CUresult cuGraphKernelNodeGetParams(CUgraphNode handle, CUDA_KERNEL_NODE_PARAMS_v1 *out) {
  if (!out)
    return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS_v2 wide;
  CUresult result = cuGraphKernelNodeGetParams_v2(handle, &wide);
  if (result == CUDA_SUCCESS)
    std::memcpy(out, &wide, sizeof *out); // the newer structure begins with the older one
  return result;
}
CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode handle, const CUDA_KERNEL_NODE_PARAMS *parameters) {
  return setNode<KernelWork>(__func__, handle, [&](Driver &driver) { return kernelWork(driver, parameters); });
}
CUresult cuGraphKernelNodeSetParams(CUgraphNode handle, const CUDA_KERNEL_NODE_PARAMS_v1 *parameters) {
  return setNode<KernelWork>(__func__, handle, [&](Driver &driver) { return kernelWork(driver, parameters); });
}

CUresult cuGraphKernelNodeSetAttribute(CUgraphNode handle, CUkernelNodeAttrID attribute,
                                       const CUkernelNodeAttrValue *value) {
  if (!value)
    return CUDA_ERROR_INVALID_VALUE;
  return withNode<KernelWork>(__func__, handle, [&](Driver &, GraphNode &node, KernelWork &work) {
    if (attribute == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      work.config.cluster = {value->clusterDim.x, value->clusterDim.y, value->clusterDim.z};
    else if (attribute == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
      work.config.cooperative = value->cooperative;
    node.attributes[attribute] = *value;
  });
}
CUresult cuGraphKernelNodeGetAttribute(CUgraphNode handle, CUkernelNodeAttrID attribute, CUkernelNodeAttrValue *value) {
  if (!value)
    return CUDA_ERROR_INVALID_VALUE;
  return withNode<KernelWork>(__func__, handle, [&](Driver &, GraphNode &node, KernelWork &work) {
    std::memset(value, 0, sizeof *value);
    if (auto found = node.attributes.find(attribute); found != node.attributes.end())
      *value = found->second;
    else if (attribute == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
      value->cooperative = work.config.cooperative;
    else if (attribute == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      value->clusterDim = {work.config.cluster[0], work.config.cluster[1], work.config.cluster[2]};
  });
}
CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode to, CUgraphNode from) {
  return withNode<KernelWork>(__func__, to, [&](Driver &driver, GraphNode &node, KernelWork &work) {
    std::shared_ptr<GraphNode> origin = findNode(driver, from);
    auto *other = std::get_if<KernelWork>(&origin->work);
    require(other, CUDA_ERROR_INVALID_VALUE);
    node.attributes = origin->attributes;
    work.config.cluster = other->config.cluster;
    work.config.cooperative = other->config.cooperative;
  });
}

CUresult cuGraphMemcpyNodeGetParams(CUgraphNode handle, CUDA_MEMCPY3D *out) {
  if (!out)
    return CUDA_ERROR_INVALID_VALUE;
  return withNode<CopyWork>(__func__, handle, [&](Driver &, GraphNode &, CopyWork &work) { *out = work.copy; });
}
CUresult cuGraphMemcpyNodeSetParams(CUgraphNode handle, const CUDA_MEMCPY3D *copy) {
  return setNode<CopyWork>(__func__, handle, [&](Driver &driver) { return copyWork(driver, copy); });
}
CUresult cuGraphMemsetNodeGetParams(CUgraphNode handle, CUDA_MEMSET_NODE_PARAMS *out) {
  if (!out)
    return CUDA_ERROR_INVALID_VALUE;
  return withNode<MemsetWork>(__func__, handle, [&](Driver &, GraphNode &, MemsetWork &work) {
    *out = {work.address, work.pitch, work.value, work.elementBytes, work.width, work.height};
  });
}
CUresult cuGraphMemsetNodeSetParams(CUgraphNode handle, const CUDA_MEMSET_NODE_PARAMS *fill) {
  return setNode<MemsetWork>(__func__, handle, [&](Driver &driver) { return memsetWork(driver, fill); });
}
CUresult cuGraphHostNodeGetParams(CUgraphNode handle, CUDA_HOST_NODE_PARAMS *out) {
  if (!out)
    return CUDA_ERROR_INVALID_VALUE;
  return withNode<HostWork>(__func__, handle, [&](Driver &, GraphNode &, HostWork &work) {
    *out = {work.function, work.userData};
  });
}
CUresult cuGraphHostNodeSetParams(CUgraphNode handle, const CUDA_HOST_NODE_PARAMS *host) {
  return setNode<HostWork>(__func__, handle, [&](Driver &) { return hostWork(host); });
}
CUresult cuGraphNodeSetParams(CUgraphNode handle, CUgraphNodeParams *parameters) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<GraphNode> node = findNode(driver, handle);
    Work work = anyWork(driver, parameters);
    require(sameKind(work, node->work), CUDA_ERROR_INVALID_VALUE, "the node is of another kind");
    node->work = std::move(work);
    return CUDA_SUCCESS;
  });
}
CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode handle, CUgraph *out) {
  if (!out)
    return CUDA_ERROR_INVALID_VALUE;
  return withNode<GraphWork>(__func__, handle, [&](Driver &driver, GraphNode &, GraphWork &work) {
    *out = driver.graphs.toHandle(*work.graph);
  });
}

CUresult cuGraphNodeGetType(CUgraphNode handle, CUgraphNodeType *type) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(type);
    *type = findNode(driver, handle)->type;
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *count) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    giveNodes(findGraph(driver, handle)->nodes, nodes, count);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphGetRootNodes(CUgraph handle, CUgraphNode *nodes, size_t *count) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::vector<std::shared_ptr<GraphNode>> roots;
    for (const std::shared_ptr<GraphNode> &node : findGraph(driver, handle)->nodes)
      if (node->after.empty())
        roots.push_back(node);
    giveNodes(roots, nodes, count);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode *from, CUgraphNode *to, CUgraphEdgeData *data, size_t *count) {
  return getEdges(__func__, graph, from, to, data, count);
}
CUresult cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *count) {
  return getEdges(__func__, graph, from, to, nullptr, count);
}
CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode *out, CUgraphEdgeData *data, size_t *count) {
  return neighbours(__func__, node, out, data, count, true);
}
CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *out, size_t *count) {
  return neighbours(__func__, node, out, nullptr, count, true);
}
CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode *out, CUgraphEdgeData *data, size_t *count) {
  return neighbours(__func__, node, out, data, count, false);
}
CUresult cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *out, size_t *count) {
  return neighbours(__func__, node, out, nullptr, count, false);
}
CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                   const CUgraphEdgeData *, size_t count) {
  return changeEdges(__func__, graph, from, to, count, true);
}
CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count) {
  return changeEdges(__func__, graph, from, to, count, true);
}
CUresult cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                      const CUgraphEdgeData *, size_t count) {
  return changeEdges(__func__, graph, from, to, count, false);
}
CUresult cuGraphRemoveDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count) {
  return changeEdges(__func__, graph, from, to, count, false);
}

CUresult cuGraphDestroyNode(CUgraphNode handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<GraphNode> node = findNode(driver, handle);
    if (std::shared_ptr<Graph> graph = node->graph.lock()) {
      for (const std::shared_ptr<GraphNode> &other : graph->nodes)
        std::erase(other->after, node);
      std::erase(graph->nodes, node);
    }
    driver.graphNodes.erase(*node);
    return CUDA_SUCCESS;
  });
}
