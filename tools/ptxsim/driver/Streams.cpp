#include "driver/Streams.h"

#include <algorithm>

namespace ptxsim {
namespace {

thread_local CUstreamCaptureMode threadMode = CU_STREAM_CAPTURE_MODE_GLOBAL;

void checkIssue(Driver &driver, const Stream &stream) {
  if (stream.capture) {
    require(!stream.capture->invalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    return;
  }
  if (!stream.legacy)
    return;
  // The legacy stream would wait for every blocking stream, also for those being captured.
  for (const auto &[handle, other] : driver.streams.all())
    if (other->capture && other->blocking()) {
      other->capture->invalidated = true;
      throw Failure{CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                    "the legacy default stream is used while a stream that synchronises with it is being captured"};
    }
}

} // namespace

OperationRef issue(Driver &driver, const std::shared_ptr<Stream> &stream, Work work) {
  require(stream->context.lock() != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
  checkIssue(driver, *stream);
  return driver.queue.submit(stream, std::move(work));
}

void forbidDuringCapture(Driver &driver) {
  if (threadMode == CU_STREAM_CAPTURE_MODE_RELAXED)
    return;
  for (const auto &[handle, stream] : driver.streams.all()) {
    if (!stream->capture || stream->capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED)
      continue;
    bool mine = stream->capture->thread == std::this_thread::get_id();
    bool global = stream->capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL && threadMode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (!mine && !global)
      continue;
    stream->capture->invalidated = true;
    throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "not allowed while a stream is being captured"};
  }
}

void forbidCapturing(const Stream &stream) {
  if (!stream.capture)
    return;
  stream.capture->invalidated = true;
  throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "not allowed on a stream that is being captured"};
}

void recordEvent(Driver &driver, const std::shared_ptr<Stream> &stream, const std::shared_ptr<Event> &event,
                 unsigned flags) {
  require(!(flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL)), CUDA_ERROR_INVALID_VALUE);
  require(event->context.lock() == stream->context.lock(), CUDA_ERROR_INVALID_HANDLE,
          "the event belongs to another context than the stream");
  if (stream->capture && !(flags & CU_EVENT_RECORD_EXTERNAL)) {
    checkIssue(driver, *stream);
    event->capture = stream->capture;
    event->captured = stream->captureTail;
    return;
  }
  event->capture = nullptr;
  event->captured.clear();
  if (OperationRef operation = issue(driver, stream, EventWork{event}))
    event->recorded = operation;
}

void waitEvent(Driver &driver, const std::shared_ptr<Stream> &stream, const std::shared_ptr<Event> &event,
               unsigned flags) {
  require(!(flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL)), CUDA_ERROR_INVALID_VALUE);
  if (stream->capture && (flags & CU_EVENT_WAIT_EXTERNAL)) {
    issue(driver, stream, EventWaitWork{event});
    return;
  }
  bool inCapture = event->capture && event->capture->graph;
  if (stream->capture) {
    checkIssue(driver, *stream);
    if (event->capture != stream->capture) {
      stream->capture->invalidated = true;
      throw Failure{CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                    "a captured stream waits for an event that was not recorded in its capture"};
    }
  } else if (inCapture) {
    require(!stream->legacy, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the legacy stream cannot be captured");
    require(!event->capture->invalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    stream->capture = event->capture;
    stream->captureTail.clear();
    event->capture->streams.push_back(stream);
  }
  if (stream->capture) {
    for (const std::shared_ptr<GraphNode> &node : event->captured)
      if (std::find(stream->captureTail.begin(), stream->captureTail.end(), node) == stream->captureTail.end())
        stream->captureTail.push_back(node);
    return;
  }
  require(!event->capture, CUDA_ERROR_CAPTURED_EVENT, "the event was last recorded in a capture that has ended");
  if (event->recorded && !event->recorded->done)
    driver.queue.submit(stream, EmptyWork{}, {event->recorded});
}

} // namespace ptxsim

using namespace ptxsim;

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
  if (!mode || *mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, threadMode);
  return CUDA_SUCCESS;
}
