// Asynchronous work between issue and landing. In a fixed schedule there is no between.
#include "engine/SchedulerState.h"

namespace ptxsim {

void Scheduler::issue(std::unique_ptr<AsyncWork> work) {
  Implementation &state = *implementation;
  if (!state.isRandom) {
    work->land();
    return;
  }
  if (work->queue == 0) {
    state.unordered.push_back(std::move(work));
    return;
  }
  auto &queue = state.queues[work->queue];
  if (queue.empty())
    state.activeQueues.push_back(work->queue);
  queue.push_back(std::move(work));
}

// Work is taken out of its queue before it lands, since landing may issue or land other work.
static std::unique_ptr<AsyncWork> takeOldest(Scheduler::Implementation &state, uint64_t id) {
  auto found = state.queues.find(id);
  if (found == state.queues.end())
    return nullptr;
  std::unique_ptr<AsyncWork> work = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) {
    state.queues.erase(found);
    auto active = std::find(state.activeQueues.begin(), state.activeQueues.end(), id);
    *active = state.activeQueues.back();
    state.activeQueues.pop_back();
  }
  return work;
}

static std::unique_ptr<AsyncWork> takeUnordered(Scheduler::Implementation &state, size_t index) {
  std::unique_ptr<AsyncWork> work = std::move(state.unordered[index]);
  state.unordered[index] = std::move(state.unordered.back());
  state.unordered.pop_back();
  return work;
}

void Scheduler::issue(AsyncQueue &queue) {
  if (queue.inFlight++)
    return;
  queue.place = implementation->sources.size();
  implementation->sources.push_back(queue.shared_from_this());
}

// What lands last takes the queue out of the list, and may be all that keeps it alive.
static void landOneOf(Scheduler::Implementation &state, AsyncQueue &queue) {
  std::shared_ptr<AsyncQueue> kept;
  if (--queue.inFlight == 0) {
    kept = std::move(state.sources[queue.place]);
    if (queue.place + 1 != state.sources.size()) {
      state.sources[queue.place] = std::move(state.sources.back());
      state.sources[queue.place]->place = queue.place;
    }
    state.sources.pop_back();
  }
  queue.landNext();
}

void Scheduler::land(AsyncQueue &queue, size_t count) {
  for (; count != 0 && queue.inFlight != 0; --count)
    landOneOf(*implementation, queue);
}

void Scheduler::landQueue(uint64_t queue, size_t count) {
  Implementation &state = *implementation;
  for (; count != 0; --count) {
    std::unique_ptr<AsyncWork> work = queue                     ? takeOldest(state, queue)
                                      : state.unordered.empty() ? nullptr
                                                                : takeUnordered(state, 0);
    if (!work)
      return;
    work->land();
  }
}

size_t Scheduler::inFlight(uint64_t queue) const {
  if (queue == 0)
    return implementation->unordered.size();
  auto found = implementation->queues.find(queue);
  return found == implementation->queues.end() ? 0 : found->second.size();
}

bool Scheduler::Implementation::landOne() {
  size_t choices = unordered.size() + activeQueues.size() + sources.size();
  if (choices == 0)
    return false;
  size_t choice = below(choices);
  if (choice < sources.size()) {
    landOneOf(*this, *sources[choice]);
    return true;
  }
  choice -= sources.size();
  std::unique_ptr<AsyncWork> work = choice < unordered.size()
                                        ? takeUnordered(*this, choice)
                                        : takeOldest(*this, activeQueues[choice - unordered.size()]);
  work->land();
  return true;
}

void Scheduler::Implementation::landAllOf(const Unit &unit) {
  auto belongs = [&](const auto &work) { return !work.cta || work.cta->cluster == unit.cluster.get(); };
  for (size_t i = 0; i < unordered.size();)
    if (belongs(*unordered[i]))
      takeUnordered(*this, i)->land(), i = 0;
    else
      ++i;
  for (size_t i = 0; i < sources.size();)
    if (belongs(*sources[i]))
      landOneOf(*this, *sources[i]), i = 0;
    else
      ++i;
  for (size_t i = 0; i < activeQueues.size();) {
    uint64_t id = activeQueues[i];
    if (belongs(*queues[id].front()))
      takeOldest(*this, id)->land(), i = 0;
    else
      ++i;
  }
}

} // namespace ptxsim
