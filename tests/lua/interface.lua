-- What scripts can ask of sets, networks, training and random numbers. Run by
-- tests/test_script.c: first as it loads, then inside of a run.
local latent = require "latent"

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(pattern), ("found %s, wanted %s"):format(message, pattern))
end

-- ---- sets ----

local data = latent.data.curves { n_train = 100, n_test = 20, seed = 3 }
local train = data.train
assert(train.n == 100 and #train == 100 and data.test.n == 20)
assert(table.concat(train.shape, " ") == "1 28 28" and train.elements == 784)
assert(train:label(1) == nil and train:labels() == nil and not train.has_labels)
assert(#train:row(1) == 784)
raises("set:row: found 101", train.row, train, 101)
raises("set:row: found 1.5, wanted 1 to 100", train.row, train, 1.5)
raises("set:rows: found 0, wanted 1 to 100", train.rows, train, 0, 1)
raises("set:rows: found 3 examples, wanted 0 to 2", train.rows, train, 99, 3)
raises("set:label: found 'x', wanted 1 to 100", train.label, train, "x")
raises("set:take: found 'x', wanted 1 to 100", train.take, train, "x")

local ten = train:take(10)
assert(ten.n == 10 and table.concat(ten:row(10)) == table.concat(train:row(10)))
assert(train:take(100) == train)

local parts = train:split { train = 0.8, valid = 0.15, test = 5 }
assert(parts.train.n == 80 and parts.valid.n == 15 and parts.test.n == 5)
assert(table.concat(parts.valid:row(1)) == table.concat(train:row(81)))
raises("the parts have 110 examples, the set only 100", train.split, train, { a = 0.8, b = 0.3 })

raises("set:split: a is .*nan, wanted a share", train.split, train, { a = 0 / 0 })
raises("set:split: found 0.5 at place 1, wanted parts by name", train.split, train, { 0.5, 0.5 })
raises("set:split: no parts", train.split, train, { seed = 1 })

local shuffled = train:split { train = 0.5, valid = 0.5, seed = 1 }
assert(table.concat(shuffled.train:row(1)) ~= table.concat(train:row(1))
  or table.concat(shuffled.train:row(2)) ~= table.concat(train:row(2)))
local again = train:split { train = 0.5, valid = 0.5, seed = 1 }
assert(shuffled.valid:fingerprint() == again.valid:fingerprint())
assert(shuffled.valid:fingerprint() ~= train:split { train = 0.5, valid = 0.5, seed = 2 }.valid:fingerprint())

-- Every set can be made again from its recipe.
for _, set in ipairs { train, data.test, ten, parts.valid, shuffled.valid, shuffled.train:take(7) } do
  assert(latent.data.from_recipe(set.recipe):fingerprint() == set:fingerprint())
end
assert(#train:fingerprint() == 64)

-- A view outlives the handle it was taken of.
local view
do
  local parent = latent.data.curves { n_train = 30, n_test = 5, seed = 99 }.train
  view = parent:take(5)
end
for _ = 1, 3 do collectgarbage() end
assert(#view:row(5) == 784)

local rows = latent.data.rows { { 0, 0.5 }, { 1, 0.25 } }
assert(rows.n == 2 and rows:row(2)[2] == 0.25)
raises("row 2: wanted a list of 2 numbers", latent.data.rows, { { 1, 2 }, { 1 } })
raises("row 1 holds inf, wanted finite numbers", latent.data.rows, { { 1, 1 / 0 } })
raises("unexpected 'shap', wanted rows and shape", latent.data.rows, { { 1, 2 }, shap = { 2 } })
raises("shape: found 2.5, wanted sizes", latent.data.rows, { { 1, 2 }, shape = { 2.5 } })
raises("shape: wanted { elements } or", latent.data.rows, { { 1, 2 }, shape = { 1, 2 } })
raises("rows have 2 numbers, the shape 4", latent.data.rows, { { 1, 2 }, shape = { 1, 2, 2 } })
assert(#latent.data.rows { { 1, 2 }, shape = { 1, 1, 2 } }.shape == 3)
assert(latent.data.has("curves") == true)
raises("wanted 'curves', 'mnist', 'faces', 'cifar10'", latent.data.has, "mnits")

-- ---- networks ----

local function new(tie)
  return latent.autoencoder {
    input = train.shape, tie = tie or "untied", seed = 1,
    encoder = { latent.dense { 12, act = "tanh" }, latent.dense { 3 } },
  }
end

local net = new()
assert(net:parameters() == 784 * 12 * 2 + 12 * 3 * 2 + 12 + 3 + 12 + 784)
assert(new("tied"):parameters() == 784 * 12 + 12 * 3 + 12 + 3 + 12 + 784)
assert(net.layers == 4 and net.encoder_layers == 2 and net.tie == "untied")
assert(net:summary():find("dense"))

local codes = net:encode(ten)
assert(codes.n == 10 and table.concat(codes.shape) == "3")
local pictures = net:decode(codes)
assert(table.concat(pictures.shape, " ") == "1 28 28" or pictures.elements == 784)
local direct = net:reconstruct(ten)
for i, value in ipairs(direct:row(4)) do assert(math.abs(value - pictures:row(4)[i]) < 1e-6) break end
assert(net:decode { { 0.5, -1, 2 } }.n == 1)

local scores = net:evaluate(data.test)
assert(scores.loss == scores.bce and math.abs(scores.mse * 784 - scores.sse) < 1e-9)
assert(net:evaluate(data.test, "mse").loss < scores.bce)

-- sse by hand, from the reconstructions.
local sum = 0
local output = net:reconstruct(data.test)
for i = 1, data.test.n do
  local x, y = data.test:row(i), output:row(i)
  for j = 1, #x do sum = sum + (x[j] - y[j]) ^ 2 end
end
assert(math.abs(sum / data.test.n - scores.sse) < 1e-3 * scores.sse)

-- Weights: a tied decoder layer shows its mirror's, transposed.
local tied = new("tied")
local w1, h1, d1 = tied:weight(1)
local w4, h4, d4 = tied:weight(4)
assert(h1 == 12 and d1 == 784 and h4 == 784 and d4 == 12)
assert(w1[5 * 784 + 100 + 1] == w4[100 * 12 + 5 + 1])
assert(#tied:bias(4) == 784)

-- Freezing: what is frozen does not move.
net:freeze("encoder")
assert(net:trainable() < net:parameters())
local before = net:weight(1)
latent.fit(net, { train = ten, epochs = 1, batch = 5 })
local after = net:weight(1)
for i = 1, #before do assert(before[i] == after[i]) end
net:unfreeze("encoder")
latent.fit(net, { train = ten, epochs = 1, batch = 5 })
assert(table.concat(net:weight(1)) ~= table.concat(before))
raises("wanted 'encoder', 'decoder' or a layer from 1 to 4", net.freeze, net, 5)

-- ---- saving ----

local path = os.tmpname()
tied:save(path)
local loaded = latent.load(path)
assert(loaded.tie == "tied" and loaded:parameters() == tied:parameters())
assert(loaded:encode(ten):fingerprint() == tied:encode(ten):fingerprint())
os.remove(path)
raises("latent.load: found 3", latent.load, 3)

-- ---- training ----

local epochs = {}
local result = latent.fit(new(), {
  train = train, test = data.test, epochs = 3, batch = 30, optimizer = latent.adam { rate = 1e-2 },
  on_epoch = function(epoch, metrics)
    epochs[epoch] = metrics["test.sse"]
    assert(metrics["train.loss"] and metrics["train.sse"] and metrics["test.loss"])
  end,
})
assert(#epochs == 3 and epochs[3] < epochs[1])
assert(result.epoch == 3 and result.step == 12 and result["test.sse"] == epochs[3])

-- on_epoch can stop; so can a rule.
assert(latent.fit(new(), { train = train, epochs = 9, on_epoch = function() return "stop" end }).epoch == 1)
local stopped = latent.fit(new(), {
  train = train, test = data.test, epochs = 50, optimizer = latent.sgd { rate = 1e-9 },
  stop = { metric = "test.loss", patience = 2, min_delta = 1 },
})
assert(stopped.epoch == 3, stopped.epoch)
raises("on_epoch returned 3", latent.fit, new(), { train = train, epochs = 2, on_epoch = function() return 3 end })
raises("there is no test set", latent.fit, new(), { train = train, stop = { metric = "test.sse" } })

-- A fit works inside of a coroutine.
local inside = coroutine.wrap(function()
  return latent.fit(new(), { train = ten, epochs = 1 }).epoch
end)
assert(inside() == 1)

-- Pre-training moves the encoder.
for _, method in ipairs { "rbm", "autoencoder", "denoising" } do
  local n = latent.autoencoder { input = train.shape, encoder = { latent.dense { 8, act = "sigmoid" } } }
  local start = n:weight(1)
  latent.pretrain(n, { method = method, data = train, epochs = 1 })
  assert(table.concat(start) ~= table.concat(n:weight(1)))
end
raises("method is 'rmb', did you mean 'rbm'%?", latent.pretrain, new(), { method = "rmb", data = train })

-- The engine counts in 32 bits: what is larger must not become something else.
for _, size in ipairs { (1 << 32) + 5, 1 << 31, 0, -3, 2.5 } do
  raises("input: size 1 is [-%d.]+, wanted a whole number from 1 to 2147483647", latent.autoencoder,
    { input = { size }, encoder = { latent.dense { 2 } } })
end
raises("log_every is 4294967297", latent.fit, new(), { train = train, log_every = (1 << 32) + 1 })
raises("momentum_switch is 4294967297", latent.pretrain, new(),
  { method = "rbm", data = train, momentum_switch = (1 << 32) + 1 })

-- ---- random numbers ----

math.randomseed(7)
local x, y = math.random(), math.random(1, 6)
math.randomseed(7)
assert(x == math.random() and y == math.random(1, 6))
assert(x >= 0 and x < 1 and y >= 1 and y <= 6 and math.type(y) == "integer")
math.random(math.mininteger, math.maxinteger)
raises("interval is empty", math.random, 2, 1)
raises("wanted a number", math.randomseed)

return latent.experiment {
  name = "interface",
  config = { seed = 5 },
  run = function(run, c)
    assert(run.id >= 1 and run.dir and run.name and run.seed == 5 and c.seed == 5)
    assert(run.step == 0 and run.epoch == 0)
    local n = new()
    latent.fit(n, { train = train, epochs = 2, batch = 50, run = run })
    assert(run.step == 4 and run.epoch == 2)
    local seen
    latent.fit(n, { train = train, epochs = 1, batch = 50, run = run, on_epoch = function(epoch) seen = epoch end })
    assert(run.step == 6 and run.epoch == 3 and seen == 3)
    run:log { ["probe.accuracy"] = 0.97, epoch = 3 }
    run:log { ["probe.accuracy"] = 0 / 0, step = 9 }
    run:note("a note")
    run:tag("a-tag")
    local file = run.dir .. "/extra.txt"
    local out <close> = assert(io.open(file, "w"))
    out:write("text")
    out:flush()
    run:artifact(file)
    assert(latent.load(run:save("net", n)):parameters() == n:parameters())
  end,
}
