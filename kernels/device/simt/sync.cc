// Where threads meet: the block's barrier and the warp's collectives.
#include <bit>
#include <cstring>

#include "kernels/device/instructions.h"
#include "kernels/device/simt/state.h"

namespace mien::simt {
namespace {

bool SamePlace(Where a, Where b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

Meeting& FindMeeting(Warp& warp, uint32_t mask) {
  Meeting* free = nullptr;
  for (Meeting& meeting : warp.meetings) {
    if (meeting.mask == mask) return meeting;
    if (meeting.mask == 0 && free == nullptr) free = &meeting;
  }
  return *free;  // 32 lanes wait in at most 31 other meetings
}

struct ShufflePayload {
  uint64_t bits;
  int source;
  bool found;
};

void CombineShuffle(void* const payload[kWarpLanes], uint32_t mask) {
  uint64_t bits[kWarpLanes] = {};
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (mask >> lane & 1) bits[lane] = static_cast<ShufflePayload*>(payload[lane])->bits;
  }
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (!(mask >> lane & 1)) continue;
    auto* own = static_cast<ShufflePayload*>(payload[lane]);
    own->found = own->source >= 0 && own->source < kWarpLanes && (mask >> own->source & 1);
    if (own->found) own->bits = bits[own->source];
  }
}

struct BallotPayload {
  bool vote;
  uint32_t votes;
};

void CombineBallot(void* const payload[kWarpLanes], uint32_t mask) {
  uint32_t votes = 0;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (mask >> lane & 1) votes |= uint32_t{static_cast<BallotPayload*>(payload[lane])->vote} << lane;
  }
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (mask >> lane & 1) static_cast<BallotPayload*>(payload[lane])->votes = votes;
  }
}

struct ReducePayload {
  uint32_t value;
  Reduction reduction;
  bool is_signed;
};

void CombineReduce(void* const payload[kWarpLanes], uint32_t mask) {
  ReducePayload sum = *static_cast<ReducePayload*>(payload[std::countr_zero(mask)]);
  for (int lane = std::countr_zero(mask) + 1; lane < kWarpLanes; ++lane) {
    if (mask >> lane & 1)
      sum.value = Reduce(sum.value, static_cast<ReducePayload*>(payload[lane])->value, sum.reduction, sum.is_signed);
  }
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (mask >> lane & 1) static_cast<ReducePayload*>(payload[lane])->value = sum.value;
  }
}

void CombineSync(void* const[kWarpLanes], uint32_t mask) {
  RaceSyncWarp(TheState().current / kWarpLanes, mask);
}

}  // namespace

// A thread that has ended counts as arrived on the hardware; here it is an error, because whether a thread
// ends before a barrier is then a question of the data.
void SyncThreads(Where where) {
  State& s = TheState();
  if (s.first_ended >= 0)
    Trap(where, "a barrier that %s, which has ended, does not reach", ThreadName(s.first_ended).c_str());
  if (s.at_barrier == 0) {
    s.barrier_first = s.current;
  } else if (const Thread& first = s.thread[s.barrier_first]; !SamePlace(first.where, where)) {
    Trap(where, "divergent barrier: %s waits at %s", ThreadName(s.barrier_first).c_str(),
         PlaceName(first.where).c_str());
  }
  Suspend(ThreadState::kAtBarrier, where);
  if (++s.at_barrier == s.threads) {
    s.at_barrier = 0;
    ++s.barrier_epoch;
    for (int t = 0; t < s.threads; ++t) Wake(t);
  }
  Yield();
}

void Meet(const char* name, uint32_t mask, void* payload, Combine combine, Where where) {
  State& s = TheState();
  Warp& warp = s.warp[s.current / kWarpLanes];
  const int lane = s.current % kWarpLanes;
  if (!(mask >> lane & 1)) Trap(where, "%s: mask %08x leaves out lane %d, which calls it", name, mask, lane);
  if ((mask & ~warp.lanes) != 0)
    Trap(where, "%s: mask %08x names lanes beyond the block (%08x)", name, mask, warp.lanes);
  if ((mask & warp.ended) != 0) Trap(where, "%s: mask %08x names ended lanes (%08x)", name, mask, warp.ended);
  Meeting& meeting = FindMeeting(warp, mask);
  if (meeting.mask == 0) {
    meeting.mask = mask;
    meeting.arrived = 0;
    meeting.name = name;
    meeting.where = where;
  } else if (meeting.name != name || !SamePlace(meeting.where, where)) {
    Trap(where, "%s: lanes %08x of mask %08x wait in %s at %s", name, meeting.arrived, mask, meeting.name,
         PlaceName(meeting.where).c_str());
  }
  meeting.payload[lane] = payload;
  meeting.arrived |= 1u << lane;
  Suspend(ThreadState::kInCollective, where);
  s.running_thread().mask = mask;
  if (meeting.arrived == mask) {
    combine(meeting.payload, mask);
    meeting.mask = 0;
    const int first = s.current - lane;
    for (int l = 0; l < kWarpLanes; ++l) {
      if (mask >> l & 1) Wake(first + l);
    }
  }
  Yield();
}

Status CheckThreadEnd(int thread) {
  State& s = TheState();
  if (s.at_barrier > 0) {
    return Status::Error(Code::kDevice, "%s %s ended, but %s waits at the barrier at %s", BlockName().c_str(),
                         ThreadName(thread).c_str(), ThreadName(s.barrier_first).c_str(),
                         PlaceName(s.thread[s.barrier_first].where).c_str());
  }
  for (const Meeting& meeting : s.warp[thread / kWarpLanes].meetings) {
    if (!(meeting.mask >> thread % kWarpLanes & 1)) continue;
    return Status::Error(Code::kDevice,
                         "%s %s ended, but lanes %08x of its warp wait for it in %s at %s, mask %08x",
                         BlockName().c_str(), ThreadName(thread).c_str(), meeting.arrived, meeting.name,
                         PlaceName(meeting.where).c_str(), meeting.mask);
  }
  return {};
}

void SyncWarp(uint32_t mask, Where where) { Meet("__syncwarp", mask, nullptr, CombineSync, where); }

uint64_t Shuffle(uint32_t mask, uint64_t bits, int source_lane, Where where) {
  ShufflePayload payload = {bits, source_lane, false};
  Meet("shuffle", mask, &payload, CombineShuffle, where);
  if (!payload.found) Trap(where, "shuffle: reads lane %d, which mask %08x does not name", source_lane, mask);
  return payload.bits;
}

uint32_t Ballot(uint32_t mask, bool vote, Where where) {
  BallotPayload payload = {vote, 0};
  Meet("vote", mask, &payload, CombineBallot, where);
  return payload.votes;
}

uint32_t ReduceLanes(uint32_t mask, uint32_t value, Reduction reduction, bool is_signed, Where where) {
  ReducePayload payload = {value, reduction, is_signed};
  Meet("redux", mask, &payload, CombineReduce, where);
  return payload.value;
}

uint32_t Atomic(uint32_t* address, AtomicOp op, uint32_t operand, uint32_t compare, bool is_signed,
                Where where) {
  CheckAligned(address, sizeof(*address), where);
  RecordAccess(address, sizeof(*address), AccessKind::kAtomic, SiteOfPlace(where));
  const uint32_t old = *address;
  const auto reduce = [&](Reduction reduction) { return Reduce(old, operand, reduction, is_signed); };
  switch (op) {
    case AtomicOp::kAdd:
      *address = reduce(Reduction::kAdd);
      break;
    case AtomicOp::kMin:
      *address = reduce(Reduction::kMin);
      break;
    case AtomicOp::kMax:
      *address = reduce(Reduction::kMax);
      break;
    case AtomicOp::kAnd:
      *address = reduce(Reduction::kAnd);
      break;
    case AtomicOp::kOr:
      *address = reduce(Reduction::kOr);
      break;
    case AtomicOp::kExchange:
      *address = operand;
      break;
    case AtomicOp::kCompareExchange:
      if (old == compare) *address = operand;
      break;
  }
  return old;
}

void CheckAligned(const void* address, size_t alignment, Where where) {
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0) {
    Trap(where, "misaligned access of %zu bytes at an address ending in %02x", alignment,
         static_cast<unsigned>(reinterpret_cast<uintptr_t>(address) & 0xff));
  }
}

}  // namespace mien::simt
