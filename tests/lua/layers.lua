-- Layers as scripts see them: options, what undoes them, training, files and
-- errors. Run by tests/test_script.c as it loads, then inside of a run.
local latent = require "latent"

local function raises(message, f, ...)
  local ok, found = pcall(f, ...)
  assert(not ok, "no error, wanted " .. message)
  found = tostring(found):gsub("^[^:]*:%d+: ", "")
  assert(found == message, ("found:\n%s\nwanted:\n%s"):format(found, message))
end

local function same(a, b)
  for key, value in pairs(b) do
    if type(value) == "table" then
      assert(table.concat(a[key], " ") == table.concat(value, " "), key)
    else
      assert(a[key] == value, ("%s: found %s, wanted %s"):format(key, tostring(a[key]), tostring(value)))
    end
  end
end

-- ---- options ----

same(latent.maxpool { 2 }, { kind = "maxpool", kernel = { 2, 2 }, stride = { 0, 0 }, pad = "same" })
same(latent.maxpool { kernel = { 2, 3 }, stride = 1, pad = "valid" },
  { kernel = { 2, 3 }, stride = { 1, 1 }, pad = "valid", pad_size = { 0, 0 } })
same(latent.maxpool { 3, pad = { 1, 0 } }, { pad = "size", pad_size = { 1, 0 } })
same(latent.avgpool { 2 }, { kind = "avgpool", unpool = "spread" })
same(latent.avgpool { 2, stride = { 2, 1 }, unpool = "copy" }, { stride = { 2, 1 }, unpool = "copy" })
same(latent.upsample { 2 }, { kind = "upsample", factor = { 2, 2 }, interp = "nearest" })
same(latent.upsample { { 1, 3 }, mode = "bilinear" }, { factor = { 1, 3 }, interp = "bilinear" })
same(latent.flatten {}, { kind = "flatten" })
same(latent.reshape { 2, 7, 5 }, { kind = "reshape", shape = { 2, 7, 5 } })
same(latent.reshape { 70 }, { shape = { 70, 0, 0 } })
same(latent.batchnorm {}, { kind = "batchnorm", momentum = 0.1, epsilon = 1e-5, act = "linear" })
same(latent.batchnorm { momentum = 1, epsilon = 1e-3, act = "relu" }, { momentum = 1.0, epsilon = 1e-3, act = "relu" })
same(latent.dropout { 0.2 }, { kind = "dropout", amount = 0.2 })
same(latent.dropout { p = 0.2 }, { amount = 0.2 })
same(latent.noise { "gaussian", 1.5 }, { kind = "noise", noise = "gaussian", amount = 1.5 })
same(latent.noise { "masking", 0.25 }, { noise = "masking", amount = 0.25 })
same(latent.noise { "salt_pepper", 0.1 }, { noise = "salt_pepper", amount = 0.1 })
same(latent.k_sparse { 25 }, { kind = "k_sparse", units = 25 })
same(latent.dense { units = 3 }, { kind = "dense", units = 3 })

local SIZES <const> = ", wanted a whole number of at least 1, or two: { height, width }"
raises("latent.maxpool: kernel is missing" .. SIZES, latent.maxpool, {})
raises("latent.maxpool: kernel is 0" .. SIZES, latent.maxpool, { 0 })
raises("latent.maxpool: kernel is 'two'" .. SIZES, latent.maxpool, { "two" })
raises("latent.maxpool: kernel is a table" .. SIZES, latent.maxpool, { { 2, 2, 2 } })
raises("latent.maxpool: stride is 1.5" .. SIZES, latent.maxpool, { 2, stride = 1.5 })
raises("latent.maxpool: kernel is given twice, as 2 and as 3", latent.maxpool, { 2, kernel = 3 })
raises("latent.maxpool: unexpected value 2 at place 2", latent.maxpool, { 2, 2 })
raises("latent.maxpool: unknown option 'unpool' (known: kernel, pad, stride)", latent.maxpool, { 2, unpool = "copy" })
raises("latent.maxpool: found 2, wanted a table of options: latent.maxpool { ... }", latent.maxpool, 2)
raises("latent.avgpool: pad is 'smae', did you mean 'same'? (known: same, valid, or a number of pixels)",
  latent.avgpool, { 2, pad = "smae" })
raises("latent.avgpool: pad is -1, wanted a whole number of at least 0, or two: { height, width }",
  latent.avgpool, { 2, pad = -1 })
raises("latent.avgpool: unpool is 'cpoy', did you mean 'copy'? Wanted one of 'spread', 'copy'",
  latent.avgpool, { 2, unpool = "cpoy" })
raises("latent.upsample: mode is 'cubic', wanted one of 'nearest', 'bilinear'", latent.upsample, { 2, mode = "cubic" })
raises("latent.upsample: factor is missing" .. SIZES, latent.upsample, { mode = "nearest" })
raises("latent.flatten: unknown option 'axis'", latent.flatten, { axis = 1 })
raises("latent.reshape: two sizes, wanted { channels, height, width } or { numbers }", latent.reshape, { 7, 7 })
raises("latent.batchnorm: momentum is 2, wanted a number from 0 to 1", latent.batchnorm, { momentum = 2 })
raises("latent.batchnorm: epsilon is 0, wanted a number above 0", latent.batchnorm, { epsilon = 0 })
raises("latent.dropout: p is 1, wanted a number of at least 0 and below 1", latent.dropout, { 1 })
raises("latent.noise: kind is 'gausian', did you mean 'gaussian'? Wanted one of 'gaussian', 'masking', 'salt_pepper'",
  latent.noise, { "gausian", 1 })
raises("latent.noise: amount is missing, wanted a number of at least 0", latent.noise, { "gaussian" })
raises("latent.noise: amount is 1, wanted a share of at least 0 and below 1 for 'masking'",
  latent.noise, { "masking", 1 })
raises("latent.k_sparse: k is 2.5, wanted an integer from 1 to 67108864", latent.k_sparse, { 2.5 })

-- ---- networks ----

local data = latent.data.curves { n_train = 60, n_test = 12, seed = 3 }
local train, test = data.train, data.test

local function new(encoder, more)
  local spec = { input = train.shape, encoder = encoder, seed = 1 }
  for key, value in pairs(more or {}) do spec[key] = value end
  return latent.autoencoder(spec)
end

-- Trained, printed, saved and loaded: each tells `words` of its layers.
local path = os.tmpname()
local function lives(net, words, loss)
  local before = net:evaluate(train, loss).loss
  latent.fit(net, { train = train, epochs = 4, batch = 15, loss = loss, optimizer = latent.adam { rate = 3e-3 } })
  assert(net:evaluate(train, loss).loss < before, words)
  local summary = net:summary()
  assert(summary:find(words, 1, true), summary)
  net:save(path)
  local again = latent.load(path)
  assert(again:summary() == summary)
  assert(again:reconstruct(test):fingerprint() == net:reconstruct(test):fingerprint(), words)
  return net
end

local dense, code <const> = latent.dense, latent.dense { 6 }
local linear <const> = { output = "linear" }

local net = lives(new({ latent.avgpool { 2 }, dense { 40, act = "relu" }, code }, linear), "avgunpool 2x2 same spread")
assert(table.concat(net.output, "x") == "1x28x28")
assert(net:summary() == [[
  layer (undoes)  kind                           out  act     params  trains
  input                                      1x28x28
1 encoder 1       avgpool 2x2 same           1x14x14  -            0  -
2 encoder 2       dense                           40  relu     7,880  yes
3 encoder 3       dense                            6  linear     246  yes
4 decoder 1 (3)   dense                           40  relu       280  yes
5 decoder 2 (2)   dense                      1x14x14  linear   8,036  yes
6 decoder 3 (1)   avgunpool 2x2 same spread  1x28x28  -            0  -
tie untied, code 6
16,442 parameters, 16,442 trained
]])
lives(new({ latent.avgpool { 3, stride = 2, unpool = "copy" }, code }, linear), "avgunpool 3x3/2 same copy")
lives(new { dense { 81, act = "relu" }, latent.reshape { 1, 9, 9 }, latent.maxpool { 2 }, latent.flatten {}, code },
  "maxunpool 2x2 same")
lives(new { dense { 40 }, latent.batchnorm { act = "relu" }, code }, "batchnorm")
lives(new { latent.noise { "gaussian", 0.2 }, dense { 40, act = "relu" }, code }, "noise gaussian 0.2")
lives(new { latent.noise { "masking", 0.2 }, dense { 40, act = "relu" }, code }, "noise masking 0.2")
lives(new { latent.noise { "salt_pepper", 0.1 }, dense { 40, act = "relu" }, code }, "noise salt_pepper 0.1")
lives(new { dense { 40, act = "relu" }, latent.dropout { 0.2 }, code }, "dropout 0.2")
lives(new({ dense { 40, act = "relu" }, latent.k_sparse { 10 } }, { tie = "tied" }), "k_sparse 10")
lives(new({ latent.upsample { 2 }, code }, linear), "upsample 2x2 nearest")
lives(new({ code }, { decoder = {
  dense { 2 * 7 * 7, act = "relu" }, latent.reshape { 2, 7, 7 }, latent.upsample { 2 }, latent.dropout { 0.1 },
  latent.upsample { 2, mode = "bilinear" }, dense { 784, act = "sigmoid" },
} }), "upsample 2x2 bilinear")
local conv, transpose = latent.conv, latent.conv_transpose
lives(new({ conv { 4, kernel = 3, act = "relu" }, latent.maxpool { 2 }, conv { 6, kernel = 3, act = "relu" },
  latent.avgpool { 2 }, code }, { tie = "tied" }), "conv_transpose 3x3 same")
lives(new { conv { 4, kernel = 3, stride = 2 }, latent.batchnorm { act = "relu" }, latent.dropout { 0.1 }, code },
  "conv 3x3/2 same")
lives(new({ conv { 4, kernel = 3, stride = 2, act = "relu" }, latent.flatten {}, code }, { decoder = {
  dense { 4 * 7 * 7, act = "relu" }, latent.reshape { 4, 7, 7 }, latent.upsample { 2 },
  conv { 4, kernel = 3, act = "relu" }, latent.noise { "gaussian", 0.05 },
  transpose { 1, kernel = 3, stride = 2, act = "sigmoid" },
} }), "conv_transpose 3x3/2 same")
os.remove(path)

-- Rows in, rows out, whatever the layers make of them.
local rows = latent.data.rows { train:row(1), train:row(2), train:row(3), train:row(4) }
local of_rows = new({ latent.reshape { 1, 28, 28 }, conv { 4, kernel = 3, stride = 2 }, code }, { input = 784 })
latent.fit(of_rows, { train = rows, epochs = 2, batch = 2 })
assert(table.concat(of_rows.output, "x") == "784" and of_rows:summary():find("1x28x28  sigmoid", 1, true))
assert(table.concat(of_rows:reconstruct(rows).shape, "x") == "784")

-- Codes of k values; a mirror keeps none of them.
local sparse = new { dense { 40, act = "relu" }, latent.k_sparse { 10 } }
assert(sparse.layers == 3)
for i = 1, test.n do
  local kept = 0
  for _, value in ipairs(sparse:encode(test):row(i)) do kept = kept + (value ~= 0 and 1 or 0) end
  assert(kept <= 10)
end

-- Noise is of training alone: with none of it, the network evaluates the same
-- and trains otherwise.
local tiny <const> = latent.sgd { rate = 1e-9 }
for _, kinds in ipairs {
  { latent.noise { "gaussian", 0 }, latent.noise { "gaussian", 0.5 } },
  { latent.noise { "masking", 0 }, latent.noise { "masking", 0.5 } },
  { latent.noise { "salt_pepper", 0 }, latent.noise { "salt_pepper", 0.5 } },
  { latent.dropout { 0 }, latent.dropout { 0.5 } },
} do
  local without, with = new { kinds[1], dense { 6, act = "tanh" } }, new { kinds[2], dense { 6, act = "tanh" } }
  assert(without:encode(test):fingerprint() == with:encode(test):fingerprint())
  assert(without:evaluate(test).loss == with:evaluate(test).loss)
  local how <const> = { train = train, epochs = 1, batch = 60, optimizer = tiny }
  local a, b = latent.fit(without, how)["train.loss"], latent.fit(with, how)["train.loss"]
  assert(math.abs(a - b) > 0.01, kinds[2].noise)
end

-- With all inputs masked the output comes from the biases alone, and what they
-- learn is the mean of the clean pictures.
local blind = new({ latent.noise { "masking", 0.999999 }, dense { 2 } }, linear)
latent.fit(blind, { train = train, epochs = 300, batch = 60, loss = "mse", optimizer = latent.adam { rate = 0.02 } })
local mean = {}
for i = 1, train.n do
  for j, value in ipairs(train:row(i)) do mean[j] = (mean[j] or 0) + value / train.n end
end
local black = {}
for j = 1, 784 do black[j] = 0 end
for j, value in ipairs(blind:reconstruct(latent.data.rows { black }):row(1)) do
  assert(math.abs(value - mean[j]) < 0.02, j)
end

-- Moving averages: fit moves them to the mean of what comes in, evaluation
-- uses them, and they are saved.
local normed = new({ latent.batchnorm { momentum = 1 }, code }, linear)
assert(normed:summary():find("4 moving averages", 1, true))
latent.fit(normed, { train = train, epochs = 1, batch = 60, optimizer = tiny })
-- With momentum 1 they are the batch's: training and evaluation agree.
local result = latent.fit(normed, { train = train, epochs = 1, batch = 60, optimizer = tiny })
assert(math.abs(result["train.loss"] - normed:evaluate(train).loss) < 1e-3 * result["train.loss"])
local still = new({ latent.batchnorm { momentum = 0 }, code }, linear)
latent.fit(still, { train = train, epochs = 1, batch = 60, optimizer = tiny })
assert(math.abs(result["train.loss"] - still:evaluate(train).loss) > 1e-2 * result["train.loss"])

-- ---- numbers in layers ----

local mixed = new { latent.noise { "masking", 0.1 }, dense { 9 }, latent.batchnorm {}, code }
assert(mixed:weight(1) == nil and mixed:bias(1) == nil)
assert(#mixed:weight(2) == 784 * 9 and #mixed:bias(2) == 9)
assert(table.concat(mixed:weight(3), " ") == "1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0" and #mixed:bias(3) == 9)
assert(latent.plot.filters(mixed).title == "layer 2 weights, 9 units")

-- ---- mistakes in networks ----

local function builds(...) return function(...) return new(...) end, ... end

raises('decoder layer 2 (avgunpool): has no activation, but the output is to be "sigmoid"; begin the encoder with '
  .. 'another layer, or ask for output = "linear"', builds { latent.avgpool { 2 }, code })
raises("encoder layer 2 (maxpool): takes pictures (channels x height x width), found 6 numbers; a reshape before it "
  .. "makes pictures of them", builds { code, latent.maxpool { 2 } })
raises("encoder layer 2 (conv): takes pictures (channels x height x width), found 6 numbers; a reshape before it "
  .. "makes pictures of them", builds { code, conv { 4, kernel = 3 } })
raises("encoder layer 1 (maxpool): kernel spans 30, larger than the input's height of 28",
  builds { latent.maxpool { 30, pad = "valid" }, code })
raises("encoder layer 1 (avgpool): pad 2 (height), wanted less than the kernel's 2",
  builds { latent.avgpool { 2, pad = 2 }, code })
raises("encoder layer 1 (upsample): no layer undoes it; write the decoder out",
  builds { latent.upsample { 2, mode = "bilinear" }, code })
raises("encoder layer 2 (k_sparse): 10 of 6 activations to keep, wanted 1 to 6",
  builds { code, latent.k_sparse { 10 } })
raises("encoder layer 1 (reshape): shape 2x7x7 has 98 elements, wanted the input's 784 (1x28x28)",
  builds { latent.reshape { 2, 7, 7 }, code })
raises("encoder: no layer that a mirror could undo", builds { latent.dropout { 0.5 } })
raises("decoder layer 2 (noise): acts in training only, so the output would differ from what is evaluated; put it "
  .. "before a layer with weights", builds({ code }, { decoder = { dense { 784 }, latent.noise { "gaussian", 1 } } }))
raises("decoder layer 2 (upsample): 1536 elements, wanted the input's 784 (1x28x28)",
  builds({ code }, { decoder = { latent.reshape { 6, 1, 1 }, latent.upsample { 16 } } }))
raises("latent.autoencoder: output is 'sigmoid', but the last layer of the decoder has 'linear'; write "
  .. "act = 'sigmoid' there", builds({ code }, { output = "sigmoid", decoder = { dense { 784 } } }))

local pooled = new { dense { 64 }, latent.reshape { 1, 8, 8 }, latent.maxpool { 2 }, code }
raises("decoder layer 2 (maxunpool): needs the switches of an encoder pass; reconstruct instead (net:reconstruct), or "
  .. "build the network with avgpool", pooled.decode, pooled, { { 1, 2, 3, 4, 5, 6 } })
raises("encoder layer 1 (conv): pre-training wants dense layers, or this one frozen", latent.pretrain,
  new { conv { 4, kernel = 3 }, code }, { method = "rbm", data = train })
raises("pre-training: the encoder has no dense layer to learn", latent.pretrain,
  new({ latent.avgpool { 14 }, latent.flatten {} }, linear), { method = "autoencoder", data = train })

return latent.experiment {
  name = "layers",
  config = { seed = 1 },
  run = function(run)
    local one = new { dense { 49, act = "relu" }, latent.reshape { 1, 7, 7 }, latent.avgpool { 2 },
      latent.batchnorm {}, latent.dropout { 0.1 }, code }
    latent.fit(one, { train = train, test = test, epochs = 1, batch = 10, run = run })
    run:save("net", one)
  end,
}
