-- Ratings and word counts as scripts see them: pairs, recipes, baselines,
-- errors. Run by tests/test_script.c as it loads, then inside of a run.
local latent = require "latent"
local data = latent.data

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(pattern), ("found %s, wanted %s"):format(message, pattern))
end

local function near(a, b, tolerance)
  assert(math.abs(a - b) <= (tolerance or 1e-9), ("found %.12g, wanted %.12g"):format(a, b))
end

local function with_file(text, f)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  file:flush()
  f(path)
  os.remove(path)
end

local function same(a, b)
  assert(a:fingerprint() == b:fingerprint(), "fingerprints differ")
end

-- ---- generated ratings ----

local plan = { users = 300, items = 80, rank = 3, density = 0.2, noise = 0.25, popularity = 0.5, seed = 4 }
local pair = data.ratings { generate = plan, share = 0.25, seed = 9 }
local train, test = pair.train, pair.test
assert(train.is_sparse and test.is_sparse and #train.shape == 1 and train.elements == 80)
assert(train.ratings == 3600 and test.target.ratings == 1200, train.ratings)
near(train.density, 3600 / train.n / 80)
assert(pair.noise == 0.25 and train.centre == 0 and pair.mean > 2 and pair.mean < 4)
assert(#train.row_ids == train.n and #train.column_ids == 80 and train.column_ids[80] == 80)

-- Inputs are training ratings, targets are not; both name the same user.
local by_user = {}
for i = 1, train.n do by_user[train.row_ids[i]] = i end
for i = 1, test.n do
  local columns, values = test:entries(i)
  local known_columns, known_values = train:entries(by_user[test.row_ids[i]])
  assert(#columns == #known_columns)
  local seen, row = {}, test:row(i)
  for k, column in ipairs(columns) do
    assert(column == known_columns[k] and values[k] == known_values[k] and row[column] == values[k])
    seen[column] = true
  end
  local held = test.target:entries(i)
  assert(#held > 0)
  for _, column in ipairs(held) do assert(not seen[column]) end
end

-- What a set can do, with its target.
local part = test:take(10)
assert(part.n == 10 and part.target.n == 10 and part.row_ids[10] == test.row_ids[10])
local parts = test:split { train = 0.5, test = 0.25, seed = 3 }
assert(parts.test.n == math.floor(test.n / 4) and parts.test.target.n == parts.test.n)
assert(#parts.test.row_ids == parts.test.n and #test:rows(2, 3) == 240)
for _, set in ipairs { train, test, part, parts.train, parts.test, test.target, parts.test.target } do
  same(set, data.from_recipe(set.recipe))
end
assert(train.target == nil and test.target.target == nil)
assert(tostring(train):find("x 80"))

-- A target outlives the set that it came from.
local target = data.ratings { generate = plan, seed = 77 }.test.target
collectgarbage()
collectgarbage()
assert(#target:row(1) == 80 and target.ratings == 480)

-- Items as rows, held out alike; centred.
local items = data.ratings { generate = plan, share = 0.25, seed = 9, by = "item", centre = true }
assert(items.train.elements == 300 and items.test.target.ratings == 1200)
near(items.train.centre, pair.mean, 1e-9)
near(items.mean, pair.mean, 1e-6)
assert(items.test.recipe.mean == items.test.centre and pair.test.recipe.mean == nil)
same(items.test, data.from_recipe(items.test.recipe))
local leave = data.ratings { generate = plan, split = "leave", n = 2, seed = 1 }
assert(leave.test.target.ratings == 2 * leave.test.n)

-- Baselines tell users from items whatever the rows are.
local rows, columns = data.baselines(pair), data.baselines(items)
for _, name in ipairs { "global", "user", "item" } do near(rows[name], columns[name], 1e-5) end
assert(rows.user ~= rows.item)
local fine, turned = data.baselines(pair, { sweeps = 500 }), data.baselines(items, { sweeps = 500 })
near(fine.bias, turned.bias, 1e-5)
assert(rows.bias > 0.25 and rows.bias < 1.5)
near(data.baselines({ train = train, test = test }, { user_ridge = 1e12, item_ridge = 1e12 }).bias, rows.global, 1e-6)
-- The same by hand.
local sum, n = 0, 0
for i = 1, train.n do
  local _, values = train:entries(i)
  for _, x in ipairs(values) do sum, n = sum + x, n + 1 end
end
local squares, held = 0, 0
for i = 1, test.n do
  local _, values = test.target:entries(i)
  for _, x in ipairs(values) do squares, held = squares + (x - sum / n) ^ 2, held + 1 end
end
near(pair.mean, sum / n)
near(rows.global, math.sqrt(squares / held))

raises("latent.data.baselines: test: found nothing, wanted a set", data.baselines, { train = train })
raises("the test set has no target", data.baselines, { train = train, test = train })
raises("not sparse", data.baselines, { train = data.rows { { 1 } }, test = test })

-- ---- networks on ratings ----

local function recommender(set, o)
  o = o or {}
  return latent.autoencoder {
    input = set.shape, output = "linear", tie = o.tie or "untied", seed = 2, sparse = o.sparse ~= false,
    encoder = { latent.dense { 12, act = "selu" }, latent.dense { 6, act = "selu" }, latent.dropout { 0.2 } },
  }
end

local function fit(net, o)
  return latent.fit(net, { train = train, test = test, loss = o.loss, refeed = o.refeed, epochs = o.epochs or 3,
    batch = 32, seed = 5, optimizer = latent.sgd { rate = 0.01, momentum = 0.9 }, stop = o.stop })
end

local net = recommender(train)
local before = net:evaluate(test)
local result = fit(net, {})
local after = net:evaluate(test)
near(before.rmse ^ 2, before.loss, 1e-6)
near(after.rmse, result["test.rmse"], 1e-6)
near(result["train.rmse"] ^ 2, result["train.loss"], 1e-6)
assert(after.rmse < 0.7 * before.rmse and after.sse > 0)
-- The same on a network that is not sparse: rows become arrays.
local dense_net = recommender(train, { sparse = false })
near(fit(dense_net, {})["test.rmse"], after.rmse, 1e-3)
-- Re-feeding is more training.
assert(math.abs(fit(recommender(train), { refeed = 1 })["test.rmse"] - after.rmse) > 1e-4)
raises("latent.fit: refeed is %-1", fit, net, { refeed = -1 })
raises("refeed wants loss", fit, recommender(train, { sparse = false }), { refeed = 1, loss = "huber" })
local stopped = fit(recommender(train), { stop = { metric = "test.rmse", patience = 1, min_delta = 100 }, epochs = 9 })
assert(stopped.epoch == 2)
raises("stop: metric is 'test.rmse', which this fit does not tell", fit, recommender(train),
  { stop = { metric = "test.rmse" }, loss = "mse" })

-- Predictions stand where ratings were held out; the error is theirs.
local predicted = net:predict(test)
assert(predicted.n == test.n and predicted.ratings == test.target.ratings and predicted.row_ids[3] == test.row_ids[3])
local squared = 0
for i = 1, test.n do
  local at, found = predicted:entries(i)
  local wanted_at, wanted = test.target:entries(i)
  for k = 1, #at do
    assert(at[k] == wanted_at[k])
    squared = squared + (found[k] - wanted[k]) ^ 2
  end
end
near(math.sqrt(squared / predicted.ratings), after.rmse, 1e-5)

-- Recommendations: the best of what the row has not.
local best = net:recommend(test, { row = 4, n = 80 })
local known_at = test:entries(4)
local is_known, y = {}, net:reconstruct(test):row(4)
for _, column in ipairs(known_at) do is_known[column] = true end
assert(#best == 80 - #known_at and #net:recommend(test, { row = 4 }) == 10)
for i, item in ipairs(best) do
  assert(not is_known[item.column] and item.id == test.column_ids[item.column])
  near(item.score, y[item.column], 1e-5)
  assert(i == 1 or item.score <= best[i - 1].score)
end
assert(#net:recommend(test, { row = 4, n = 1000, known = true }) == 80)
raises("net:recommend: row is 999, wanted 1 to " .. test.n, net.recommend, net, test, { row = 999 })
raises("net:recommend: unknown option 'rwo', did you mean 'row'", net.recommend, net, test, { rwo = 1 })
raises("net:predict: examples of 300, wanted 80", net.predict, net, items.test)
raises("not sparse", net.predict, net, net:reconstruct(test))

-- ---- files of ratings ----

with_file("7\t100\t5\t3\n7\t200\t1\t2\n7\t300\t3\t1\n8\t100\t2\t1\n", function(path)
  local files = data.ratings { path = path, split = "time" }
  assert(files.train.n == 2 and files.test.n == 1 and files.test.row_ids[1] == 7)
  local at, values = files.test.target:entries(1)
  assert(#at == 1 and files.test.column_ids[at[1]] == 100 and values[1] == 5.0)
  assert(files.noise == nil)
  near(files.mean, 2)
  same(files.test, data.from_recipe(files.test.recipe))
  raises("wanted a user's id", function()
    with_file("1,1,1,1\nx,1,1,1\n", function(bad) data.ratings { path = bad } end)
  end)
  raises("between '::'", data.ratings, { path = path, format = "dat" })
end)
raises("found none of path, set and generate, wanted one", data.ratings, {})
raises("found 2 of path, set and generate", data.ratings, { path = "x", set = "ml-1m" })
raises("unknown option 'spilt', did you mean 'split'", data.ratings, { generate = {}, spilt = "leave" })
raises("latent.data.ratings: generate: unknown option 'rnak'", data.ratings, { generate = { rnak = 2 } })
raises("set is 'ml%-10m', did you mean", data.ratings, { set = "ml-10m" })
raises("ml%-100k: u.data %(plain or .gz%) is in none of: /nowhere/ml%-100k, .*`latent data fetch ml%-100k` gets it",
  data.ratings, { set = "ml-100k", dir = "/nowhere" })
assert(data.has("ml-100k") == data.has("ml-100k"))
raises("latent.data.has: found 'nmist'", data.has, "nmist")

-- ---- word counts ----

local words = data.topics { n_train = 200, n_test = 50, words = 60, topics = 4, length = 30 }
assert(words.train.n == 200 and words.test.n == 50 and words.train.is_sparse and words.train.has_labels)
same(words.test, data.from_recipe(words.test.recipe))
local _, counts = words.train:entries(1)
local total = 0
for _, count in ipairs(counts) do total = total + count end
assert(total >= 15 and total <= 45)
raises("words is 1, wanted an integer from 2", data.topics, { words = 1 })

with_file("3 1:2 4:1\n1 2:1\n3 1:1\n1 3:9 # end\n", function(path)
  local set = data.libsvm { path = path }
  assert(set.n == 4 and set.elements == 4 and set:label(1) == 1 and set:label(2) == 0 and set.ratings == 5)
  same(set, data.from_recipe(set.recipe))
  local cut = data.words { path = path, share = 0.25, seed = 2, features = 6 }
  assert(cut.train.n == 3 and cut.test.n == 1 and cut.test.elements == 6)
  same(cut.train, data.from_recipe(cut.train.recipe))
  local two = data.libsvm { train = path, test = path, features = 9 }
  assert(two.train.n == 4 and two.test.elements == 9)
  same(two.test, data.from_recipe(two.test.recipe))
  raises("wanted path, or train and test", data.libsvm, { path = path, test = path })
  raises("found index 4, wanted at most 3", data.libsvm, { path = path, features = 3 })
end)
with_file("1:-1\n", function(path)
  assert(data.libsvm { path = path }:row(1)[1] == -1)
  raises("wanted a count, at least 0", data.words, { path = path })
end)
raises("latent.data.words: wanted path, or train and test", data.words, { train = "x" })
raises("share is of path's examples", data.words, { train = "x", test = "y", share = 0.5 })

-- ---- other sets ----

local dense = data.rows { { 1, 2 } }
assert(not dense.is_sparse and dense.ratings == nil and dense.density == nil and dense.row_ids == nil)
raises("set:entries: the set is not sparse", dense.entries, dense, 1)
raises("set:entries: found 51, wanted 1 to 50", words.test.entries, words.test, 51)
raises("a set has no 'ratins', did you mean 'ratings'", function() return dense.ratins end)

return latent.experiment {
  name = "sparse",
  config = { seed = 1 },
  run = function(run)
    local again = data.ratings { generate = plan, share = 0.25, seed = 9 } -- kept from one run to the next
    assert(again.mean == pair.mean)
    run:log { ["baseline.bias"] = data.baselines(again).bias }
    local inner = recommender(again.train)
    latent.fit(inner, { train = again.train, test = again.test, epochs = 2, refeed = 1, run = run })
    assert(#inner:recommend(again.test, { row = 1, n = 3 }) == 3)
    assert(inner:predict(again.test).ratings > 0)
    run:save("net", inner)
    near(latent.load(run.dir .. "/net.safetensors"):evaluate(again.test).rmse, inner:evaluate(again.test).rmse, 1e-9)
  end,
}
