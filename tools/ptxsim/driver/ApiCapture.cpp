// cuStreamBeginCapture and its kin: the stream's work becomes a graph.
#include "driver/Streams.h"

#include <algorithm>

using namespace ptxsim;

namespace {

std::shared_ptr<Stream> capturable(Driver &driver, CUstream handle, const std::shared_ptr<Context> &context) {
  std::shared_ptr<Stream> stream = driver.stream(handle, context);
  require(!stream->legacy, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the legacy default stream cannot be captured");
  return stream;
}

void begin(Driver &driver, const std::shared_ptr<Stream> &stream, std::shared_ptr<Graph> graph,
           std::vector<std::shared_ptr<GraphNode>> tail, CUstreamCaptureMode mode) {
  require(mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED, CUDA_ERROR_INVALID_VALUE);
  require(!stream->capture, CUDA_ERROR_ILLEGAL_STATE, "the stream is being captured already");
  auto capture = std::make_shared<Capture>();
  capture->id = nextHandle();
  capture->graph = std::move(graph);
  capture->origin = stream.get();
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->streams.push_back(stream);
  stream->capture = capture;
  stream->captureTail = std::move(tail);
}

/// Whether all that the joined streams did is waited for by the origin's last nodes.
bool allJoined(const Capture &capture, const Stream &origin) {
  std::set<const GraphNode *> reached;
  std::vector<const GraphNode *> stack;
  for (const std::shared_ptr<GraphNode> &node : origin.captureTail)
    stack.push_back(node.get());
  while (!stack.empty()) {
    const GraphNode *node = stack.back();
    stack.pop_back();
    if (!reached.insert(node).second)
      continue;
    for (const std::shared_ptr<GraphNode> &one : node->after)
      stack.push_back(one.get());
  }
  for (const std::weak_ptr<Stream> &weak : capture.streams)
    if (std::shared_ptr<Stream> stream = weak.lock())
      for (const std::shared_ptr<GraphNode> &node : stream->captureTail)
        if (!reached.count(node.get()))
          return false;
  return true;
}

std::vector<std::shared_ptr<GraphNode>> nodesOf(Driver &driver, const CUgraphNode *handles, size_t count) {
  std::vector<std::shared_ptr<GraphNode>> nodes;
  require(!count || handles, CUDA_ERROR_INVALID_VALUE);
  for (size_t k = 0; k < count; ++k) {
    nodes.push_back(driver.graphNodes.find(handles[k]));
    require(nodes.back() != nullptr, CUDA_ERROR_INVALID_VALUE, "a dependency is not a graph node");
  }
  return nodes;
}

CUresult captureInfo(const char *name, CUstream handle, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
                     const CUgraphNode **dependencies, const CUgraphEdgeData **edges, size_t *count) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    requirePointer(status);
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    if (!stream->capture) {
      *status = CU_STREAM_CAPTURE_STATUS_NONE;
      return CUDA_SUCCESS;
    }
    *status = stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    if (stream->capture->invalidated)
      return CUDA_SUCCESS;
    if (id)
      *id = stream->capture->id;
    if (graph)
      *graph = driver.graphs.toHandle(*stream->capture->graph);
    // Valid until the next call on the stream, as documented.
    static thread_local std::vector<CUgraphNode> handles;
    static thread_local std::vector<CUgraphEdgeData> data;
    handles.clear();
    for (const std::shared_ptr<GraphNode> &node : stream->captureTail)
      handles.push_back(driver.graphNodes.toHandle(*node));
    data.assign(handles.size(), CUgraphEdgeData{});
    if (dependencies)
      *dependencies = handles.data();
    if (edges)
      *edges = data.data();
    if (count)
      *count = handles.size();
    return CUDA_SUCCESS;
  });
}

} // namespace

CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<Stream> stream = capturable(driver, handle, context);
    require(!stream->capture, CUDA_ERROR_ILLEGAL_STATE, "the stream is being captured already");
    auto graph = std::make_shared<Graph>();
    driver.graphs.add(graph);
    begin(driver, stream, graph, {}, mode);
    return CUDA_SUCCESS;
  });
}
CUresult cuStreamBeginCapture(CUstream stream) {
  return cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

CUresult cuStreamBeginCaptureToGraph(CUstream handle, CUgraph graph, const CUgraphNode *dependencies,
                                     const CUgraphEdgeData *, size_t count, CUstreamCaptureMode mode) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<Stream> stream = capturable(driver, handle, context);
    std::shared_ptr<Graph> into = driver.graphs.find(graph);
    require(into != nullptr, CUDA_ERROR_INVALID_VALUE, "the graph does not exist");
    begin(driver, stream, into, nodesOf(driver, dependencies, count), mode);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *out) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    requirePointer(out);
    *out = nullptr;
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    std::shared_ptr<Capture> capture = stream->capture;
    require(capture != nullptr, CUDA_ERROR_ILLEGAL_STATE, "the stream is not being captured");
    require(capture->origin == stream.get(), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED,
            "the capture was begun on another stream");
    require(capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED || capture->thread == std::this_thread::get_id(),
            CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
    bool joined = allJoined(*capture, *stream), valid = !capture->invalidated;
    std::shared_ptr<Graph> graph = capture->graph;
    for (const std::weak_ptr<Stream> &weak : capture->streams)
      if (std::shared_ptr<Stream> one = weak.lock()) {
        one->capture = nullptr;
        one->captureTail.clear();
      }
    capture->graph = nullptr; // events that were recorded in it are of no use any more
    if (!valid || !joined)
      driver.graphs.erase(*graph);
    require(valid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    require(joined, CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
            "a stream that joined the capture has work that the capturing stream does not wait for");
    *out = driver.graphs.toHandle(*graph);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status) {
  return captureInfo(__func__, handle, status, nullptr, nullptr, nullptr, nullptr, nullptr);
}
CUresult cuStreamGetCaptureInfo(CUstream handle, CUstreamCaptureStatus *status, cuuint64_t *id) {
  return captureInfo(__func__, handle, status, id, nullptr, nullptr, nullptr, nullptr);
}
CUresult cuStreamGetCaptureInfo_v2(CUstream handle, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
                                   const CUgraphNode **dependencies, size_t *count) {
  return captureInfo(__func__, handle, status, id, graph, dependencies, nullptr, count);
}
CUresult cuStreamGetCaptureInfo_v3(CUstream handle, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
                                   const CUgraphNode **dependencies, const CUgraphEdgeData **edges, size_t *count) {
  return captureInfo(__func__, handle, status, id, graph, dependencies, edges, count);
}

CUresult cuStreamUpdateCaptureDependencies_v2(CUstream handle, CUgraphNode *dependencies, const CUgraphEdgeData *,
                                              size_t count, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    require(stream->capture && !stream->capture->invalidated, CUDA_ERROR_ILLEGAL_STATE);
    std::vector<std::shared_ptr<GraphNode>> nodes = nodesOf(driver, dependencies, count);
    if (flags != CU_STREAM_SET_CAPTURE_DEPENDENCIES)
      nodes.insert(nodes.end(), stream->captureTail.begin(), stream->captureTail.end());
    stream->captureTail = nodes;
    return CUDA_SUCCESS;
  });
}
CUresult cuStreamUpdateCaptureDependencies(CUstream handle, CUgraphNode *dependencies, size_t count, unsigned flags) {
  return cuStreamUpdateCaptureDependencies_v2(handle, dependencies, nullptr, count, flags);
}
