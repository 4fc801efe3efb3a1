// The kernels of training and sampling on the GPU. NVRTC compiles them at first use, once per type of number:
// -DREAL=float or -DREAL=double. All arrays are C-contiguous; where an argument may be absent it is a null pointer.
//
// A generator is three numbers on the device, {key, offset, arrivals}. Its draws are Philox-4x32-10 of the key and of
// counters from `offset` on (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"). The
// kernel that draws moves `offset` past what it took, so a recorded launch draws afresh at every replay.

#ifndef __CUDACC__
#include <cmath>
using std::cos; using std::exp; using std::fmax; using std::fmin; using std::log; using std::sin; using std::sqrt;
#endif

typedef REAL real;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define HOST_DEVICE __host__ __device__ inline
#define KERNEL extern "C" __global__ void

const int BLOCKS_OF_FOUR = sizeof(real) / sizeof(u32);  // Philox blocks that four numbers take: 24 bits each, or 53
const real TWO_PI = real(6.283185307179586);

// --- random numbers

struct Words { u32 w[4]; };
struct Four { real x[4]; };

HOST_DEVICE Words philox(u64 key, u64 low, u64 high) {
    u32 c0 = u32(low), c1 = u32(low >> 32), c2 = u32(high), c3 = u32(high >> 32);
    u32 k0 = u32(key), k1 = u32(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const u64 p = u64(0xD2511F53u) * c0, q = u64(0xCD9E8D57u) * c2;
        c0 = u32(q >> 32) ^ c1 ^ k0;
        c2 = u32(p >> 32) ^ c3 ^ k1;
        c1 = u32(q);
        c3 = u32(p);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return Words{{c0, c1, c2, c3}};
}

// Four uniform numbers on [0, 1).
HOST_DEVICE Four uniforms(u64 key, u64 counter) {
    const Words a = philox(key, counter, 0);
    Four u;
    if (sizeof(real) == sizeof(float)) {
        for (int i = 0; i < 4; ++i) u.x[i] = real(a.w[i] >> 8) * real(1.0 / 16777216);
    } else {
        const Words b = philox(key, counter + 1, 0);
        for (int i = 0; i < 2; ++i) {
            u.x[i] = real(((u64(a.w[2 * i]) << 32 | a.w[2 * i + 1]) >> 11) * (1.0 / 9007199254740992.0));
            u.x[i + 2] = real(((u64(b.w[2 * i]) << 32 | b.w[2 * i + 1]) >> 11) * (1.0 / 9007199254740992.0));
        }
    }
    return u;
}

// Four standard normal numbers, by Box and Muller.
HOST_DEVICE Four normals(u64 key, u64 counter) {
    const Four u = uniforms(key, counter);
    Four z;
    for (int i = 0; i < 4; i += 2) {
        const real radius = sqrt(real(-2) * log(real(1) - u.x[i])), angle = TWO_PI * u.x[i + 1];
        z.x[i] = radius * cos(angle);
        z.x[i + 1] = radius * sin(angle);
    }
    return z;
}

// --- one element

HOST_DEVICE real sigmoid(real x) { return real(1) / (real(1) + exp(-x)); }

HOST_DEVICE i64 modulo(i64 i, i64 n) { return (i | n) >> 32 ? i % n : i64(u32(i) % u32(n)); }

// x + velocity, shrunk, and moved towards zero by `threshold`.
HOST_DEVICE real decayed(real x, real velocity, real shrink, real threshold) {
    const real y = (x + velocity) * shrink;
    return y - fmax(-threshold, fmin(y, threshold));
}

// --- kernels

#ifdef __CUDACC__

#define STRIDE(i, n) (i64 i = blockIdx.x * i64(blockDim.x) + threadIdx.x; i < (n); i += i64(gridDim.x) * blockDim.x)

// Where this launch's counters begin. The last block to read the offset moves it on for the next launch.
__device__ u64 reserve(u64* state, u64 counters) {
    __shared__ u64 first;
    if (threadIdx.x == 0) {
        first = atomicAdd(&state[1], 0ull);
        __threadfence();
        if (atomicAdd(&state[2], 1ull) == gridDim.x - 1) {
            state[2] = 0;
            state[1] = first + counters;
        }
    }
    __syncthreads();
    return first;
}

// each(i, number) for i < n. A thread has four elements, a quarter of the array apart.
template <typename Numbers, typename Each>
__device__ void draw(u64* state, i64 n, Numbers numbers, Each each) {
    const i64 quarter = (n + 3) / 4;
    const u64 key = state[0], first = reserve(state, u64(quarter) * BLOCKS_OF_FOUR);
    for STRIDE(i, quarter) {
        const Four z = numbers(key, first + u64(i) * BLOCKS_OF_FOUR);
#pragma unroll
        for (int j = 0; j < 4; ++j)
            if (i + j * quarter < n) each(i + j * quarter, z.x[j]);
    }
}

struct Uniforms { __device__ Four operator()(u64 key, u64 counter) const { return uniforms(key, counter); } };
struct Normals { __device__ Four operator()(u64 key, u64 counter) const { return normals(key, counter); } };

KERNEL uniform(u64* state, real* out, i64 n) {
    draw(state, n, Uniforms(), [=](i64 i, real u) { out[i] = u; });
}

KERNEL normal(u64* state, real* out, i64 n) {
    draw(state, n, Normals(), [=](i64 i, real z) { out[i] = z; });
}

// Rows of `columns` numbers, each from a key of its own, which follow the three numbers of the state; every row moves
// through its counters as `draw` would.
template <typename Numbers>
__device__ void draw_rows(u64* state, real* out, i64 rows, i64 columns, Numbers numbers) {
    const i64 quarter = (columns + 3) / 4;
    const u64 first = reserve(state, u64(quarter) * BLOCKS_OF_FOUR);
    for STRIDE(t, rows * quarter) {
        const i64 row = t / quarter, i = t % quarter;
        const Four z = numbers(state[3 + row], first + u64(i) * BLOCKS_OF_FOUR);
#pragma unroll
        for (int j = 0; j < 4; ++j)
            if (i + j * quarter < columns) out[row * columns + i + j * quarter] = z.x[j];
    }
}

KERNEL uniform_rows(u64* state, real* out, i64 rows, i64 columns) { draw_rows(state, out, rows, columns, Uniforms()); }

KERNEL normal_rows(u64* state, real* out, i64 rows, i64 columns) { draw_rows(state, out, rows, columns, Normals()); }

// 1 with probability p, else 0; `out` may be `p`.
KERNEL bernoulli(u64* state, const real* p, real* out, i64 n) {
    draw(state, n, Uniforms(), [=](i64 i, real u) { out[i] = u < p[i] ? real(1) : real(0); });
}

// mean = sigmoid(pre + bias), sample = a draw with that probability; either may be absent, or be `pre`.
KERNEL logistic(u64* state, const real* pre, const real* bias, real* mean, real* sample, i64 n, i64 columns) {
    if (!sample) {
        for STRIDE(i, n) mean[i] = sigmoid(pre[i] + bias[modulo(i, columns)]);
        return;
    }
    draw(state, n, Uniforms(), [=](i64 i, real u) {
        const real p = sigmoid(pre[i] + bias[modulo(i, columns)]);
        if (mean) mean[i] = p;
        sample[i] = u < p ? real(1) : real(0);
    });
}

// Row `batch` of `order` (N, size) into `rows`, of `rates` (N,) into `rate`, and batch + 1 for the next; one block.
KERNEL next_batch(const i64* order, const real* rates, i64* batch, i64* rows, real* rate, i64 size) {
    const i64 b = *batch;
    for (i64 i = threadIdx.x; i < size; i += blockDim.x) rows[i] = order[b * size + i];
    __syncthreads();
    if (threadIdx.x == 0) {
        *rate = rates[b];
        *batch = b + 1;
    }
}

// x[rows], or where there is a `state`, a draw with those probabilities; n elements in all.
KERNEL take_rows(u64* state, const real* x, const i64* rows, real* out, i64 n, i64 columns) {
    if (!state) {
        for STRIDE(i, n) out[i] = x[rows[i / columns] * columns + modulo(i, columns)];
        return;
    }
    draw(state, n, Uniforms(), [=](i64 i, real u) {
        out[i] = u < x[rows[i / columns] * columns + modulo(i, columns)] ? real(1) : real(0);
    });
}

// Sum of factor * x over the rows of column blockIdx * 32 + threadIdx.x, by blocks of 32 x 8; without factor, of x.
__device__ real column_sum(const real* x, const real* factor, i64 rows, i64 columns, i64 column) {
    __shared__ real part[8][32];
    real sum = 0;
    if (column < columns)
        for (i64 r = threadIdx.y; r < rows; r += 8) sum += (factor ? factor[r] : real(1)) * x[r * columns + column];
    part[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < 8; ++i) sum += part[i][threadIdx.x];
    return sum;
}

// mean = decay * mean + (1 - decay) * mean of the rows of x.
KERNEL update_running_mean(real* mean, const real* x, i64 rows, i64 columns, double decay) {
    const i64 column = i64(blockIdx.x) * 32 + threadIdx.x;
    const real sum = column_sum(x, 0, rows, columns, column);
    if (threadIdx.y == 0 && column < columns)
        mean[column] = real(decay) * mean[column] + real(1 - decay) * (sum / real(rows));
}

__device__ real block_sum(real x) {
    __shared__ real part[256];
    __syncthreads();
    part[threadIdx.x] = x;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
    }
    __syncthreads();
    return part[0];
}

// The CD gradient, before the matrix product v' h: row blockIdx of v and h, centered where there are means, that of h
// times row_weight * rate. Leaves in `v_factor` and `h_factor` what the row counts in the gradients of the visible and
// of the hidden biases. 256 threads.
KERNEL cd_gradient_rows(real* v, real* h, const real* row_weight, const real* rate, const real* v_mean,
                        const real* h_mean, real* v_factor, real* h_factor, i64 n_visible, i64 n_hidden) {
    const real weight = row_weight[blockIdx.x] * *rate;
    real v_dot = 0, h_dot = 0;
    if (v_mean)
        for (i64 i = threadIdx.x; i < n_visible; i += blockDim.x) {
            const real x = v[blockIdx.x * n_visible + i] - v_mean[i];
            v[blockIdx.x * n_visible + i] = x;
            v_dot += x * v_mean[i];
        }
    for (i64 j = threadIdx.x; j < n_hidden; j += blockDim.x) {
        const real mean = h_mean ? h_mean[j] : real(0), x = (h[blockIdx.x * n_hidden + j] - mean) * weight;
        h[blockIdx.x * n_hidden + j] = x;
        h_dot += x * mean;
    }
    v_dot = block_sum(v_dot);
    h_dot = block_sum(h_dot);
    if (threadIdx.x == 0) {
        v_factor[blockIdx.x] = weight - h_dot;
        h_factor[blockIdx.x] = real(1) - v_dot;
    }
}

// The CD gradient of the biases: sums over rows of v_factor * v and of h_factor * h. Blocks of v's columns, then of h's.
KERNEL cd_gradient_biases(const real* v, const real* h, const real* v_factor, const real* h_factor, real* dv, real* dh,
                          i64 rows, i64 n_visible, i64 n_hidden) {
    const i64 blocks_of_v = (n_visible + 31) / 32;
    const bool visible = blockIdx.x < blocks_of_v;
    const i64 columns = visible ? n_visible : n_hidden;
    const i64 column = (visible ? blockIdx.x : blockIdx.x - blocks_of_v) * 32 + threadIdx.x;
    const real sum = column_sum(visible ? v : h, visible ? v_factor : h_factor, rows, columns, column);
    if (threadIdx.y == 0 && column < columns) (visible ? dv : dh)[column] = sum;
}

// change += rate * cost * (target - activity).
KERNEL add_sparsity_gradient(real* change, const real* activity, const real* rate, double cost, double target, i64 n) {
    for STRIDE(i, n) change[i] += *rate * real(cost) * (real(target) - activity[i]);
}

// velocity = momentum * velocity + change; x += velocity. The first of three arrays, here `x0`, also decays.
KERNEL momentum_step(real* x0, real* velocity0, const real* change0, i64 n0, real* x1, real* velocity1,
                     const real* change1, i64 n1, real* x2, real* velocity2, const real* change2, i64 n2,
                     const real* rate, double momentum, double weight_decay, double l1_decay) {
    const real shrink = real(1) - *rate * real(weight_decay), threshold = *rate * real(l1_decay);
    for STRIDE(t, n0 + n1 + n2) {
        const bool first = t < n0, second = !first && t < n0 + n1;
        const i64 i = first ? t : second ? t - n0 : t - n0 - n1;
        real* const x = first ? x0 : second ? x1 : x2;
        real* const velocity = first ? velocity0 : second ? velocity1 : velocity2;
        const real change = (first ? change0 : second ? change1 : change2)[i];
        const real step = momentum ? real(momentum) * velocity[i] + change : change;
        velocity[i] = step;
        x[i] = first ? decayed(x[i], step, shrink, threshold) : x[i] + step;
    }
}

#endif
