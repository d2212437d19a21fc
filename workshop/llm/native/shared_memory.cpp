// All-reduce and broadcast between the ranks of one host, through memory that they share.
//
// A decode step adds up a few kilobytes at a time. Over TCP, even on one host, that is all latency:
// system calls, and a scheduler that wakes whoever waits. Here each rank writes its part to a slot
// that the others can read, says so in a counter, and reads what they have written.
//
// Turns. Ranks do the same exchanges in the same order, and number them: 1, 2, 3, ... A rank's
// counter `posted` is the last turn whose data it has written. The data of turn t lies in slot
// t % 2. A rank posts turn t only when it has read all that it needs of turn t - 1, so two slots
// are enough: when every rank has posted t - 1, nobody reads slot t % 2 (turn t - 2) any more, and
// it may be written again. Every turn begins with that wait, which is over already after an
// all-reduce, but not always after a broadcast, where rank 0 waits for nobody.
//
// Memory order. `posted` is stored with release and loaded with acquire, so whoever sees turn t
// sees the data of turn t, on ARM and POWER as well as on x86.
//
// Waiting. A rank spins for a few microseconds. Then it yields its core at every look: a rank that
// has the core to itself looks again at once, and ranks that share one go on. When another rank is
// late by milliseconds (it reads a long prompt, or compiles), the waiting one sleeps between looks.
// From time to time it looks whether the other one still lives: each holds a lock on the shared
// file, which the kernel takes away when its process ends, whatever ended it.

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <c10/util/StringUtil.h>
#include <torch/library.h>

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int64_t SLOT_BYTES = 32 * 1024;  // of a tensor in one turn; larger ones take several
constexpr auto SPIN = 4us;                // before a rank yields its core
constexpr auto YIELD = 2ms;                // before it sleeps
constexpr auto LONGEST_SLEEP = 1000us;
constexpr auto LOOK = 50ms;                // between looks at whether the other rank still lives

// The longest that a processor fetches from another core at once: two lines of 64 bytes.
constexpr size_t LINE = 128;
constexpr size_t PAGE = 4096;

struct Slot {
  alignas(LINE) int64_t what;  // operation, data type and bytes: a check that all do the same
  alignas(LINE) unsigned char data[SLOT_BYTES];
};

// One rank's part of the shared memory, which it alone writes. New pages are zero: turn 0.
struct alignas(PAGE) Box {
  alignas(LINE) std::atomic<int64_t> posted;
  Slot slots[2];
};
static_assert(std::atomic<int64_t>::is_always_lock_free, "a lock would lie in one process only");

// The ranks that share the memory. A process is in one such group at most.
struct Group {
  Box* boxes = nullptr;  // [ranks]
  int file = -1;
  int64_t rank = 0;
  int64_t ranks = 0;
  Clock::duration patience{};
};
Group group;

// A RuntimeError in Python. TORCH_CHECK would put the place in this file before the words.
template <typename... Words>
void require(bool holds, const Words&... otherwise) {
  if (!holds) throw std::runtime_error(c10::str(otherwise...));
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Whether the process that holds byte `rank` of the file is still there.
bool lives(int64_t rank) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = rank;
  lock.l_len = 1;
  return fcntl(group.file, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

// Wait until `rank` has posted `turn`.
void wait_for(int64_t rank, int64_t turn) {
  const std::atomic<int64_t>& posted = group.boxes[rank].posted;
  const auto there = [&] { return posted.load(std::memory_order_acquire) >= turn; };
  if (there()) return;
  const auto start = Clock::now();
  do {
    for (int i = 0; i < 32; ++i) {
      pause();
      if (there()) return;
    }
  } while (Clock::now() - start < SPIN);
  for (auto looked = start; !there();) {
    const auto now = Clock::now();
    const auto waited = now - start;
    if (now - looked > LOOK) {
      looked = now;
      // A rank may post its last turn and end: hence the second look at the counter.
      require(lives(rank) || there(), "Connection closed by peer: rank ", rank,
                  " has ended, and rank ", group.rank, " was waiting for it in shared memory");
      require(waited < group.patience, "Timed out: rank ", group.rank, " has waited ",
                  std::chrono::duration_cast<std::chrono::seconds>(waited).count(),
                  " s for rank ", rank, " in shared memory");
    }
    if (waited < YIELD) {
      sched_yield();
    } else {
      std::this_thread::sleep_for(std::min<Clock::duration>(waited / 16, LONGEST_SLEEP));
    }
  }
}

Slot& slot_of(int64_t rank, int64_t turn) { return group.boxes[rank].slots[turn % 2]; }

// Begin a turn: hand over `size` bytes, or nothing (nullptr), when the slot is free.
void post(int64_t turn, int64_t what, const void* data, int64_t size) {
  for (int64_t rank = 0; rank < group.ranks; ++rank) wait_for(rank, turn - 1);
  Slot& mine = slot_of(group.rank, turn);
  mine.what = what;
  if (data != nullptr) std::memcpy(mine.data, data, size);
  group.boxes[group.rank].posted.store(turn, std::memory_order_release);
}

// What `rank` has handed over in this turn, when it has.
const unsigned char* take(int64_t rank, int64_t turn, int64_t what) {
  wait_for(rank, turn);
  const Slot& slot = slot_of(rank, turn);
  require(slot.what == what, "rank ", group.rank, " and rank ", rank,
              " exchange different things in turn ", turn, ": they do not run the same steps");
  return slot.data;
}

// The sum over the ranks, in the order of the ranks and in fp32, rounded once to T.
template <typename T>
void add_up(unsigned char* out, int64_t size, int64_t turn, int64_t what) {
  constexpr int64_t BLOCK = 256;  // partial sums, which stay in registers and the nearest cache
  float sums[BLOCK];
  for (int64_t rank = 0; rank < group.ranks; ++rank) take(rank, turn, what);
  const int64_t numbers = size / static_cast<int64_t>(sizeof(T));
  for (int64_t from = 0; from < numbers; from += BLOCK) {
    const int64_t count = std::min(BLOCK, numbers - from);
    for (int64_t rank = 0; rank < group.ranks; ++rank) {
      const T* part = reinterpret_cast<const T*>(slot_of(rank, turn).data) + from;
      if (rank == 0) {
        for (int64_t i = 0; i < count; ++i) sums[i] = static_cast<float>(part[i]);
      } else {
        for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<float>(part[i]);
      }
    }
    T* sum = reinterpret_cast<T*>(out) + from;
    for (int64_t i = 0; i < count; ++i) sum[i] = static_cast<T>(sums[i]);
  }
}

int64_t described(char operation, const at::Tensor& x, int64_t size) {
  return (size << 16) | (static_cast<int64_t>(x.scalar_type()) << 8) | operation;
}

// The turn after which an operation begins. `turns` belongs to this process, and every operation
// changes it: so a compiler sees that none may be left out, doubled or moved before another.
int64_t& last_turn(const at::Tensor& turns) {
  require(group.boxes != nullptr, "this rank shares no memory with others: join comes first");
  int64_t& turn = *turns.mutable_data_ptr<int64_t>();
  require(turn == group.boxes[group.rank].posted.load(std::memory_order_relaxed),
              "turns must be counted by the operations alone");
  return turn;
}

at::Tensor all_reduce(const at::Tensor& x, const at::Tensor& turns) {
  int64_t& turn = last_turn(turns);
  const at::Tensor whole = x.contiguous();
  const at::Tensor sum = at::empty_like(whole);
  const auto* in = static_cast<const unsigned char*>(whole.const_data_ptr());
  auto* out = static_cast<unsigned char*>(sum.mutable_data_ptr());
  const int64_t bytes = static_cast<int64_t>(whole.nbytes());
  for (int64_t from = 0; from < bytes; from += SLOT_BYTES) {
    const int64_t size = std::min(SLOT_BYTES, bytes - from);
    const int64_t what = described('s', x, size);
    post(++turn, what, in + from, size);
    switch (x.scalar_type()) {
      case at::kFloat: add_up<float>(out + from, size, turn, what); break;
      case at::kBFloat16: add_up<c10::BFloat16>(out + from, size, turn, what); break;
      case at::kHalf: add_up<c10::Half>(out + from, size, turn, what); break;
      default: require(false, "no sum of ", x.scalar_type(), " in shared memory");
    }
  }
  return sum;
}

at::Tensor broadcast(const at::Tensor& x, const at::Tensor& turns) {
  int64_t& turn = last_turn(turns);
  const at::Tensor whole = x.contiguous();
  const at::Tensor chosen = at::empty_like(whole);
  const auto* in = static_cast<const unsigned char*>(whole.const_data_ptr());
  auto* out = static_cast<unsigned char*>(chosen.mutable_data_ptr());
  const int64_t bytes = static_cast<int64_t>(whole.nbytes());
  for (int64_t from = 0; from < bytes; from += SLOT_BYTES) {
    const int64_t size = std::min(SLOT_BYTES, bytes - from);
    const int64_t what = described('b', x, size);
    post(++turn, what, group.rank == 0 ? in + from : nullptr, size);
    std::memcpy(out + from, take(0, turn, what), size);
  }
  return chosen;
}

int64_t bytes_of_a_rank() { return sizeof(Box); }

// Map an open file of `ranks` boxes. It must stay open, since it holds this rank's lock.
void join(int64_t file, int64_t rank, int64_t ranks, double patience_seconds) {
  require(group.boxes == nullptr, "this process shares memory with other ranks already");
  void* memory = mmap(nullptr, ranks * sizeof(Box), PROT_READ | PROT_WRITE, MAP_SHARED,
                      static_cast<int>(file), 0);
  require(memory != MAP_FAILED, "cannot map shared memory: ", std::strerror(errno));
  const auto patience = std::chrono::duration<double>(patience_seconds);
  group = Group{static_cast<Box*>(memory), static_cast<int>(file), rank, ranks,
                std::chrono::duration_cast<Clock::duration>(patience)};
}

void leave() {
  if (group.boxes != nullptr) munmap(group.boxes, group.ranks * sizeof(Box));
  group = Group{};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(workshop, m) {
  m.def("shared_memory_bytes_of_a_rank() -> int", &bytes_of_a_rank);
  m.def("shared_memory_join(int file, int rank, int ranks, float patience_seconds) -> ()", &join);
  m.def("shared_memory_leave() -> ()", &leave);
  m.def("shared_memory_all_reduce(Tensor x, Tensor(a!) turns) -> Tensor");
  m.def("shared_memory_broadcast(Tensor x, Tensor(a!) turns) -> Tensor");
}

TORCH_LIBRARY_IMPL(workshop, CPU, m) {
  m.impl("shared_memory_all_reduce", &all_reduce);
  m.impl("shared_memory_broadcast", &broadcast);
}
