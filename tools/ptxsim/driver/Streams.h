// Issuing work to streams, and the rules of captures.
#pragma once

#include "driver/Driver.h"
#include "driver/Graph.h"

namespace ptxsim {

/// Puts work on the stream, or adds it to the graph that the stream is being captured into (null then). Throws Failure
/// where a capture forbids it.
OperationRef issue(Driver &driver, const std::shared_ptr<Stream> &stream, Work work);

/// Calls that might wait for, or disturb, work that is being captured are forbidden during a capture that is not
/// relaxed (cuThreadExchangeStreamCaptureMode): the capture is invalidated.
void forbidDuringCapture(Driver &driver);

/// For calls that make no sense on a stream that is being captured.
void forbidCapturing(const Stream &stream);

void recordEvent(Driver &driver, const std::shared_ptr<Stream> &stream, const std::shared_ptr<Event> &event,
                 unsigned flags);
void waitEvent(Driver &driver, const std::shared_ptr<Stream> &stream, const std::shared_ptr<Event> &event,
               unsigned flags);

} // namespace ptxsim
