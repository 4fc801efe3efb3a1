// CUDA's kernels on the host, for tests: blocks one after the other, the threads of a block as fibers that change over
// at every barrier. One block's static variables are its shared memory.
#include <cmath>
#include <csetjmp>
#include <functional>
#include <ucontext.h>
#include <utility>

#define __CUDACC__
#define __host__
#define __device__
#define __global__
#define __shared__ static

using std::cos; using std::exp; using std::fmax; using std::fmin; using std::log; using std::sin; using std::sqrt;

struct Index { unsigned x, y, z; };
static Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulate {

const unsigned MOST = 1024;
static jmp_buf scheduler, threads[MOST];
static char stacks[MOST][1 << 16], started[MOST], done[MOST];
static std::function<void()> body;
static unsigned current;

static void give_way() {
    if (!_setjmp(threads[current])) _longjmp(scheduler, 1);
}

// A fiber is thread `current` of one block after the other.
static void fiber() {
    for (;;) {
        body();
        done[current] = 1;
        give_way();
    }
}

static void run_on() {
    if (_setjmp(scheduler)) return;
    if (started[current]) _longjmp(threads[current], 1);
    started[current] = 1;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks[current];
    context.uc_stack.ss_size = sizeof stacks[current];
    context.uc_link = 0;
    makecontext(&context, fiber, 0);
    setcontext(&context);
}

// 0, or 1 where some threads ended while others wait at a barrier.
static int run_block() {
    const unsigned n = blockDim.x * blockDim.y * blockDim.z;
    for (unsigned i = 0; i < n; ++i) done[i] = 0;
    for (unsigned ended = 0; ended == 0;) {
        for (current = 0; current < n; ++current) {
            threadIdx = {current % blockDim.x, current / blockDim.x % blockDim.y, current / blockDim.x / blockDim.y};
            run_on();
        }
        for (unsigned i = 0; i < n; ++i) ended += done[i];
        if (ended != 0 && ended != n) return 1;
    }
    return 0;
}

template <typename... Args, size_t... I>
int launch(void (*kernel)(Args...), const unsigned* grid, const unsigned* block, void** args, std::index_sequence<I...>) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    body = [=] { kernel(*static_cast<Args*>(args[I])...); };
    for (unsigned z = 0; z < grid[2]; ++z)
        for (unsigned y = 0; y < grid[1]; ++y)
            for (unsigned x = 0; x < grid[0]; ++x) {
                blockIdx = {x, y, z};
                if (run_block()) return 1;
            }
    return 0;
}

template <typename... Args>
int launch(void (*kernel)(Args...), const unsigned* grid, const unsigned* block, void** args) {
    return launch(kernel, grid, block, args, std::index_sequence_for<Args...>());
}

}  // namespace emulate

static void __syncthreads() { emulate::give_way(); }
static void __threadfence() {}
static unsigned long long atomicAdd(unsigned long long* address, unsigned long long x) {
    const unsigned long long before = *address;
    *address += x;
    return before;
}
