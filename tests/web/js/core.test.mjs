// Oracles for the page's mathematics: naive loops, finite differences, enumeration, formulas.

import assert from "node:assert/strict";
import {test} from "node:test";
import {deflateRawSync} from "node:zlib";

const folder = new URL("../../../dbnvis/web/static/", import.meta.url);
const maths = await import(new URL("maths.js", folder));
const {Sfc32} = await import(new URL("random.js", folder));
const {Blobs, halfToFloat, inflateBlobs} = await import(new URL("decode.js", folder));
const {Machine} = await import(new URL("machine.js", folder));
const {makeLayer} = await import(new URL("network.js", folder));
const {Model, parseUnit, unitName} = await import(new URL("model.js", folder));
const {ClampedChain} = await import(new URL("chain.js", folder));
const preprocess = await import(new URL("preprocess.js", folder));

const rng = new Sfc32(7);
const normals = (n) => Float64Array.from({length: n}, () => rng.normal());
const near = (a, b, within = 1e-12) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);
const dot = (a, b) => a.reduce((total, x, i) => total + x * b[i], 0);

test("sigmoid, softplus and softmax at extremes", () => {
  assert.deepEqual([-Infinity, -1000, 0, 1000, Infinity].map(maths.sigmoid), [0, 0, 0.5, 1, 1]);
  assert.equal(maths.softplus(1000), 1000);
  near(maths.softplus(-50), Math.exp(-50), 1e-30);
  near(maths.softplus(0), Math.log(2));
  assert.deepEqual([...maths.softmax([1000, -1000, 1000])], [0.5, 0, 0.5]);
  const y = maths.softmax([0.1, 0.2, 0.3]);
  near(y[2] / y[0], Math.exp(0.2));
  near(y[0] + y[1] + y[2], 1);
});

test("dense and its transpose against loops, of any number of inputs that are on", () => {
  for (let n = 0; n < 12; n++) {
    const W = normals(n * 5), bias = normals(5), x = normals(n).map((v) => (v < -0.3 ? 0 : v)), g = normals(5);
    const y = maths.dense(x, W, bias, 5), back = maths.denseTranspose(g, W, n);
    for (let j = 0; j < 5; j++) near(y[j], bias[j] + dot([...x], [...x].map((_, i) => W[i * 5 + j])));
    for (let i = 0; i < n; i++) near(back[i], dot([...g], [...W.subarray(i * 5, i * 5 + 5)]));
  }
});

test("NaN and infinite weights come through", () => {
  const y = maths.dense([1, 0, 1], Float64Array.of(NaN, 1, 1, 1, 1, Infinity), [0, 0], 2);
  assert.deepEqual([...y], [NaN, Infinity]);
  assert.ok(Number.isNaN(maths.softmax([NaN, 1])[1]));
  assert.deepEqual([...maths.relu([NaN, -1, 2])], [NaN, 0, 2]);
  assert.ok(Number.isNaN(maths.maxPool2d([1, NaN, 2, 3], [1, 2, 2], 2, 2).y[0]));
  const blobs = new Blobs(), layers = [{name: "h1", shape: [1]}];
  blobs.set("W", Float64Array.of(NaN)).set("b", Float64Array.of(0));
  const network = [{address: "h1.pre", type: "Dense", W: "W", bias: "b"}];
  const model = Model.from({id: "m", input_shape: [1, 1], network, layers, machines: null}, blobs);
  assert.deepEqual(model.broken, ["h1.pre"]);
});

test("convolution against naive loops, with stride and padding", () => {
  for (const [stride, padding] of [[1, 0], [2, 0], [1, 2], [3, 1]]) {
    const shape = [2, 7, 6], window = {rows: 3, columns: 2, stride, padding}, nOut = 3;
    const x = normals(84), W = normals(nOut * 12), bias = normals(nOut);
    const y = maths.conv2d(x, shape, W, bias, window), [, rows, columns] = maths.convolvedShape(shape, nOut, window);
    assert.equal(y.length, nOut * rows * columns);
    const at = (k, r, c) => (r < 0 || r >= 7 || c < 0 || c >= 6 ? 0 : x[(k * 7 + r) * 6 + c]);
    for (let o = 0; o < nOut; o++) for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
      let sum = bias[o];
      for (let k = 0; k < 2; k++) for (let i = 0; i < 3; i++) for (let j = 0; j < 2; j++) {
        sum += W[((o * 2 + k) * 3 + i) * 2 + j] * at(k, r * stride + i - padding, c * stride + j - padding);
      }
      near(y[(o * rows + r) * columns + c], sum);
    }
  }
});

test("every layer's gradient is the central finite difference", () => {
  const blobs = {W: normals(3 * 2 * 2 * 2), bias: normals(3), dense: normals(60 * 4), four: normals(4)};
  const types = [
    {type: "Conv2D", W: "W", bias: "bias", stride: 2, padding: 1}, {type: "MaxPool2D", size: 2, stride: 2},
    {type: "AvgPool2D", size: 2, stride: 2}, {type: "AvgPool2D", size: 3, stride: 1}, {type: "Tanh"},
    {type: "MaxPool2D", size: 3, stride: 1}, {type: "Detection", size: 2}, {type: "Pooling", size: 2}, {type: "ReLU"},
    {type: "Sigmoid"}, {type: "Softmax"}, {type: "Identity"}, {type: "Flatten"}, {type: "Dense", W: "dense", bias: "four"},
  ];
  for (const header of types) {
    const layer = makeLayer({address: "a", ...header}, [2, 5, 6], (name) => blobs[name], () => [3, 2, 2, 2]);
    const x = normals(60), out = layer.forward(x).length, g = normals(out);
    layer.forward(x);
    const gx = [...layer.back(g, "gradient")], eps = 1e-6;
    for (let i = 0; i < 60; i += 7) {
      const moved = (by) => dot([...g], [...layer.forward(x.map((v, k) => (k === i ? v + by : v)))]);
      near(gx[i], (moved(eps) - moved(-eps)) / (2 * eps), 1e-7);
    }
  }
});

test("a machine of 3 x 2 units against enumeration", () => {
  const W = normals(6), vbias = normals(3), hbias = normals(2), machine = new Machine({W, vbias, hbias});
  const states = (n) => Array.from({length: 2 ** n}, (_, s) => Array.from({length: n}, (_, i) => (s >> i) & 1));
  const p = (v, h) => Math.exp(-machine.energy(v, h));
  near(machine.energy([1, 0, 1], [0, 1]), -(vbias[0] + vbias[2] + hbias[1] + W[1] + W[5]));
  for (const v of states(3)) {
    const total = states(2).reduce((sum, h) => sum + p(v, h), 0);
    near(machine.freeEnergy(v), -Math.log(total));
    const means = machine.meanHGivenV(v);
    for (let j = 0; j < 2; j++) near(means[j], states(2).reduce((sum, h) => sum + h[j] * p(v, h), 0) / total);
  }
  for (const h of states(2)) {
    const total = states(3).reduce((sum, v) => sum + p(v, h), 0), means = machine.meanVGivenH(h);
    for (let i = 0; i < 3; i++) near(means[i], states(3).reduce((sum, v) => sum + v[i] * p(v, h), 0) / total);
  }
});

test("clamped chains reach the exact conditional distribution", () => {
  const W = normals(6), machine = new Machine({W, vbias: normals(3), hbias: normals(2)});
  const chain = new ClampedChain({machine: () => machine}, "h1", 0, {chains: 4, seed: 5});
  for (let i = 0; i < 10000; i++) chain.sweep();
  let total = 0;
  const exact = [0, 0, 0];
  for (let s = 0; s < 16; s++) {
    const v = [s & 1, (s >> 1) & 1, (s >> 2) & 1], weight = Math.exp(-machine.energy(v, [1, s >> 3]));
    total += weight;
    for (let i = 0; i < 3; i++) exact[i] += v[i] * weight;
  }
  for (let i = 0; i < 3; i++) near(chain.mean[i], exact[i] / total, 0.01);
  near(chain.scaleReduction, 1, 0.01);
  chain.forget();
  assert.ok(Number.isNaN(chain.scaleReduction));
});

test("sfc32: the words of its definition, uniform and normal moments", () => {
  const one = Sfc32.ofState(1, 2, 3, 4); // by hand: 1 + 2 + 4; then a = 2, b = 27, c = 3 << 21 + 7: 2 + 27 + 5; ...
  assert.deepEqual([one.uint32(), one.uint32()], [7, 34]);
  assert.equal(one.uint32(), 56623200); // a = 27, b = 9 (3 2^21 + 7) = 56623167, counter 6
  const seeded = new Sfc32(1), n = 100000;
  let mean = 0, square = 0, uniform = 0;
  for (let i = 0; i < n; i++) {
    const z = seeded.normal();
    mean += z / n;
    square += (z * z) / n;
    uniform += seeded.random() / n;
  }
  near(mean, 0, 0.015);
  near(square, 1, 0.02);
  near(uniform, 0.5, 0.004);
  assert.throws(() => new Sfc32(-1), RangeError);
});

test("half precision, all 65,536 numbers", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const e = (bits & 0x7c00) >> 10, f = bits & 0x3ff, s = bits >> 15 ? -1 : 1;
    const wanted = e === 31 ? (f ? NaN : s * Infinity) : e ? s * 2 ** (e - 15) * (1 + f / 1024) : s * 2 ** -14 * (f / 1024);
    assert.ok(Object.is(halfToFloat(bits), wanted), String(bits));
  }
});

test("blobs of every encoding come back", async () => {
  const base64 = {}, blobs = {};
  const put = (name, array, dtype, shape, extra = {}, planes = false) => {
    let bytes = new Uint8Array(array.buffer);
    if (planes) bytes = Uint8Array.from([...bytes.filter((_, i) => i % 2 === 0), ...bytes.filter((_, i) => i % 2)]);
    base64[name] = deflateRawSync(bytes).toString("base64");
    blobs[name] = {shape, dtype, encoding: planes ? "planes+deflate" : "deflate", ...extra};
  };
  put("half", Uint16Array.of(0x3c00, 0xc000, 0x3555), "float16", [3], {}, true);
  put("float", Float32Array.of(0.1, -2), "float32", [2]);
  put("matrix", Int8Array.of(1, -2, 3, 4), "int8", [2, 2], {scale: "scale"});
  put("kernels", Int8Array.of(1, -2, 3, 4), "int8", [2, 1, 1, 2], {scale: "scale"});
  put("scale", Float32Array.of(0.5, 2), "float32", [2]);
  put("bytes", Uint8Array.of(0, 255), "uint8", [2]);
  put("short", Uint16Array.of(65535), "uint16", [1]);
  blobs.png = {shape: [1, 1], dtype: "uint8", encoding: "png"};
  base64.png = Buffer.from([137, 80, 78, 71]).toString("base64");
  for (const [precision, Kind] of [["float32", Float32Array], ["float64", Float64Array]]) {
    const found = await inflateBlobs({blobs}, (name) => base64[name], {precision});
    assert.deepEqual(found.get("half"), Kind.of(1, -2, 0.333251953125));
    assert.deepEqual(found.get("float"), Kind.of(Math.fround(0.1), -2));
    assert.deepEqual(found.get("matrix"), Kind.of(0.5, -4, 1.5, 8));
    assert.deepEqual(found.get("kernels"), Kind.of(0.5, -1, 6, 8));
    assert.deepEqual(found.get("bytes"), Uint8Array.of(0, 255));
    assert.deepEqual(found.get("short"), Uint16Array.of(65535));
    assert.deepEqual(found.get("png"), Uint8Array.of(137, 80, 78, 71));
  }
  blobs.bytes.shape = [3];
  await assert.rejects(inflateBlobs({blobs}, (name) => base64[name]), /2 bytes/);
});

test("addresses of units", () => {
  for (const text of ["h3:17", "conv2:5", "conv2:5@3,4", "conv2:5@mean"]) assert.equal(unitName(parseUnit(text)), text);
  for (const text of ["h3", "h3:-1", "h3:1@", "h3:1@2", "h3:x"]) assert.throws(() => parseUnit(text), /LAYER:INDEX/);
});

test("percentiles step as in Python, rescaling, blank and light pictures", () => {
  const table = Float64Array.of(0, 1, 2, 3, 4);
  assert.deepEqual([-1, 0, 0.5, 1, 1.5, 4, 9].map((x) => maths.percentile(table, x)), [0, 0, 0, 0, 25, 75, 75]);
  assert.ok(Number.isNaN(maths.percentile(table, NaN)));
  near(maths.norm(maths.rescale([3, 4], 10)), 10);
  assert.deepEqual([...maths.rescale([0, 0], 10)], [0, 0]);
  assert.equal(preprocess.centerDigit(new Float32Array(100).fill(1), [10, 10], [28, 28]), null);
  assert.ok(preprocess.isBlank(new Float32Array(9)));
  assert.ok(preprocess.lightGround(new Float32Array(9).fill(1), [3, 3]));
});
