// Who waits where, for people: threads of a block that wait for the same thing at the same place in one line.
#include "engine/AsyncState.h"
#include "engine/Launch.h"

#include <cstdio>
#include <map>
#include <tuple>

namespace ptxsim {

std::string describeRanges(llvm::ArrayRef<uint32_t> sorted) {
  std::string text;
  for (size_t i = 0; i < sorted.size();) {
    size_t end = i + 1;
    while (end < sorted.size() && sorted[end] == sorted[end - 1] + 1)
      ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(sorted[i]);
    if (end - i > 1)
      text += (end - i > 2 ? ".." : ", ") + std::to_string(sorted[end - 1]);
    i = end;
    if (text.size() > 60 && i < sorted.size())
      return text + ", ...";
  }
  return text;
}

static std::string reason(const Thread &thread) {
  const bool blocked = thread.state == Thread::State::Blocked;
  const std::string missing = blocked || thread.timedOut ? describeMbarrierWait(thread) : "";
  if (!blocked || (thread.timed && thread.timedOut && missing.empty()))
    return (thread.site ? "spin near " + format(*thread.site) : "spin") +
           (missing.empty() ? "" : "; the last wait timed out: " + missing);
  const Wait &wait = thread.wait;
  std::string what = wait.what ? wait.what : "";
  if (what.find('%') != std::string::npos) {
    char text[200];
    std::snprintf(text, sizeof text, wait.what, static_cast<unsigned long long>(wait.detail2),
                  static_cast<unsigned long long>(wait.detail));
    what = text;
  }
  if (!missing.empty())
    what += " (" + missing + ")";
  return "wait " + (what.empty() ? "at " : "for " + what + ", ") + (wait.site ? format(*wait.site) : "");
}

std::string describeWaiting(const std::vector<std::unique_ptr<Unit>> &units) {
  constexpr size_t kLines = 40;
  std::string text;
  size_t lines = 0, left = 0;
  for (const auto &unit : units)
    for (const auto &block : unit->blocks) {
      std::map<std::string, std::vector<uint32_t>> groups;
      std::vector<const std::string *> order;
      for (const auto &thread : block->threads) {
        if (thread->state == Thread::State::Exited)
          continue;
        auto [it, fresh] = groups.try_emplace(reason(*thread));
        it->second.push_back(thread->linear);
        if (fresh)
          order.push_back(&it->first);
      }
      for (const std::string *why : order) {
        if (lines++ >= kLines) {
          ++left;
          continue;
        }
        const std::vector<uint32_t> &threads = groups[*why];
        std::string verb = *why;
        if (threads.size() == 1) // "1 thread waits"
          verb.insert(verb.find(' ') == std::string::npos ? verb.size() : verb.find(' '), "s");
        text += (text.empty() ? "" : "\n") + std::to_string(threads.size()) +
                (threads.size() == 1 ? " thread (" : " threads (") + describeRanges(threads) + ") of block (" +
                std::to_string(block->id[0]) + "," + std::to_string(block->id[1]) + "," + std::to_string(block->id[2]) +
                ") " + verb;
      }
    }
  if (left)
    text += "\nand " + std::to_string(left) + " more groups";
  return text;
}

} // namespace ptxsim
