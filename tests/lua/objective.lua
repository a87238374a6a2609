-- Losses, penalties and variational codes as scripts ask for them, each term
-- against the same computed here from weights, codes and outputs.
local latent = require "latent"

local function raises(text, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(text, 1, true), ("found %s, wanted %s"):format(message, text))
end

local function near(found, wanted, what)
  assert(found and math.abs(found - wanted) <= 1e-5 * (1 + math.abs(wanted)),
    ("%s: %s, wanted %s"):format(what, found, wanted))
end

local rows = {}
for i = 1, 24 do
  rows[i] = {}
  for j = 1, 6 do rows[i][j] = (i * j * 7 % 11) / 11 end
end
local set = latent.data.rows(rows)

local function new(tie, code, output)
  return latent.autoencoder {
    input = 6, tie = tie, seed = 2, output = output or "sigmoid",
    encoder = { latent.dense { 5, act = "tanh" }, code or latent.dense { 3, act = "sigmoid" } },
  }
end

local function sum(list, f)
  local total = 0
  for _, x in ipairs(list) do total = total + f(x) end
  return total
end

local function row_mean(of, f)
  local total = 0
  for i = 1, of.n do total = total + f(of:row(i), i) end
  return total / of.n
end

-- ---- losses ----

local linear = new("untied", nil, "linear")
local outputs = linear:reconstruct(set)
for _, delta in ipairs { 0.1, 1.0 } do
  local wanted = row_mean(set, function(target, i)
    local total = 0
    for j, y in ipairs(outputs:row(i)) do
      local e = math.abs(y - target[j])
      total = total + (e <= delta and e * e / 2 or delta * (e - delta / 2))
    end
    return total / 6
  end)
  near(linear:evaluate(set, { loss = "huber", huber_delta = delta }).loss, wanted, "huber")
end
assert(linear:evaluate(set).loss == linear:evaluate(set, "mse").mse and not linear:evaluate(set).bce)
near(linear:evaluate(set, "masked_mse").rmse ^ 2, linear:evaluate(set).mse, "rmse")

local net = new "untied"
assert(net:evaluate(set).loss == net:evaluate(set, "bce").bce and not net:evaluate(set).recon)
assert(net:evaluate(set, "mse").bce == net:evaluate(set).loss)
local beyond = latent.data.rows { { 0, 1, 2, 0, 0, 0 } } -- no target of bce, but of mse
assert(net:evaluate(beyond, "mse").mse > 0 and not net:evaluate(beyond, "mse").bce)
raises("loss bce wants values from 0 to 1", net.evaluate, net, beyond)

-- ---- penalties ----

local function weights(of, layers)
  local total = { l1 = 0, l2 = 0 }
  for _, layer in ipairs(layers) do
    total.l1 = total.l1 + sum(of:weight(layer), math.abs)
    total.l2 = total.l2 + sum(of:weight(layer), function(w) return w * w end)
  end
  return total
end

local function orthogonality(of, layer)
  local w, h, d = of:weight(layer)
  local total, by_row = 0, h <= d
  local side, long = math.min(h, d), math.max(h, d)
  for i = 1, side do
    for j = 1, side do
      local dot = i == j and -1 or 0
      for k = 1, long do
        local a, b = by_row and (i - 1) * d + k or (k - 1) * d + i, by_row and (j - 1) * d + k or (k - 1) * d + j
        dot = dot + w[a] * w[b]
      end
      total = total + dot * dot
    end
  end
  return total
end

local function code_terms(of)
  local codes = of:encode(set)
  local means, total = { 0, 0, 0 }, 0
  row_mean(codes, function(h)
    for k = 1, 3 do
      means[k] = means[k] + h[k] / codes.n
      total = total + math.abs(h[k]) / codes.n
    end
    return 0
  end)
  local rho = 0.2
  return total, sum(means, function(r) return rho * math.log(rho / r) + (1 - rho) * math.log((1 - rho) / (1 - r)) end)
end

local penalty = { l1 = 0.01, l2 = 0.02, code_l1 = 0.03, sparsity = 0.04, sparsity_target = 0.2, contractive = 0.05,
  contractive_probes = 0, orthogonality = 0.06 }

for _, tie in ipairs { "untied", "tied" } do
  local one = new(tie)
  local found = one:evaluate(set, { penalty = penalty })
  local wanted = weights(one, tie == "tied" and { 1, 2 } or { 1, 2, 3, 4 }) -- a tied weight counts once
  wanted.code_l1, wanted.sparsity = code_terms(one)
  wanted.orthogonality = orthogonality(one, 1) + orthogonality(one, 2)
  wanted.recon, wanted.contractive = one:evaluate(set).loss, found.contractive
  local loss = wanted.recon
  for name, value in pairs(wanted) do
    near(found[name], value, tie .. " " .. name)
    loss = loss + (penalty[name] or 0) * value
  end
  near(found.loss, loss, tie .. " loss")
  near(found.bce, wanted.recon, tie .. " bce")
  assert(found.contractive > 0)
end

-- One sigmoid layer: |dh/dx|^2 = sum of (h (1 - h))^2 |w|^2.
local shallow = latent.autoencoder { input = 6, encoder = { latent.dense { 2, act = "sigmoid" } }, seed = 3 }
local w = shallow:weight(1)
near(shallow:evaluate(set, { penalty = { contractive = 1 } }).contractive, row_mean(shallow:encode(set), function(h)
  local total = 0
  for k = 1, 2 do
    for j = 1, 6 do total = total + (h[k] * (1 - h[k]) * w[(k - 1) * 6 + j]) ^ 2 end
  end
  return total
end), "contractive")

-- A fit tells what evaluating the trained network does, and only what counts.
local fitted = new "tied"
local told = latent.fit(fitted, { train = set, test = set, batch = 8, epochs = 2, seed = 4,
  penalty = { l2 = 0.1, sparsity = 0.5, sparsity_target = 0.2 } })
local again = fitted:evaluate(set, { penalty = { l2 = 0.1, sparsity = 0.5, sparsity_target = 0.2 } })
for _, name in ipairs { "loss", "sse", "recon", "l2", "sparsity" } do near(told["test." .. name], again[name], name) end
assert(told["train.l2"] and not told["train.l1"] and not told["train.kl"] and not told["test.rmse"])

-- Penalties do what they are for.
local function trained(with)
  local one = new("untied")
  latent.fit(one, { train = set, batch = 8, epochs = 40, optimizer = latent.adam { rate = 0.01 }, penalty = with })
  return one:evaluate(set, { penalty = { l1 = 1, l2 = 1, code_l1 = 1, contractive = 1, orthogonality = 1 } })
end
local free = trained()
for name, weight in pairs { l1 = 0.1, l2 = 0.1, code_l1 = 1, contractive = 10, orthogonality = 1 } do
  assert(trained({ [name] = weight })[name] < 0.7 * free[name], name)
end

-- ---- variational codes ----

local function variational(tie) return new(tie, latent.gaussian_code { 3 }) end

for _, tie in ipairs { "untied", "tied", "unrolled", "mirrored", "pinv" } do
  local one = variational(tie)
  local result = latent.fit(one, { train = set, test = set, batch = 8, epochs = 3, beta = 0.5, kl_warmup = 2,
    seed = 5 })
  for _, part in ipairs { "train", "test" } do
    near(result[part .. ".bound"], -(result[part .. ".recon"] + result[part .. ".kl"]), tie)
    assert(result[part .. ".active_units"] >= 0 and result[part .. ".active_units"] <= 3)
  end
  near(result["test.loss"], result["test.recon"] + 0.5 * result["test.kl"], tie)
  assert(one:evaluate(set, { beta = 0.5, seed = 5 }).loss == result["test.loss"])
  assert(one:evaluate(set, { seed = 6 }).recon ~= result["test.recon"])
  assert(one:evaluate(set).kl == one:evaluate(set, { beta = 3, seed = 7 }).kl)
end

local vae = variational "tied"
assert(vae.is_variational and not net.is_variational and vae:parameters() == 6 * 5 + 5 + 5 * 6 + 6 + 5 + 6)
assert(table.concat(vae:encode(set):row(1)) == table.concat(vae:encode(set):row(1)))
assert(vae:encode(set).elements == 3 and vae:decode({ { 0, 0, 0 } }).elements == 6)
local _, h, d = vae:weight(2)
assert(h == 6 and d == 5)
local path = os.tmpname()
vae:save(path)
assert(latent.load(path):evaluate(set, { seed = 1 }).bound == vae:evaluate(set, { seed = 1 }).bound)
os.remove(path)

-- ---- stopping ----

local curves = latent.data.curves { n_train = 200, n_test = 10, seed = 3 }.train
local function epochs(metric, min_delta)
  local one = latent.autoencoder { input = curves.shape, encoder = { latent.gaussian_code { 3 } }, seed = 1 }
  return latent.fit(one, { train = curves, epochs = 6, batch = 50, optimizer = latent.adam { rate = 0.003 },
    stop = { metric = metric, patience = 2, min_delta = min_delta } }).epoch
end
assert(epochs("train.bound", 1e9) == 3 and epochs("train.loss", 1e9) == 3)
assert(epochs("train.bound", 0) == 6) -- it rises, which is better
raises("stop: metric is 'train.perplexity', which this fit does not tell", epochs, "train.perplexity")
raises("stop: metric is 'train.blund', did you mean 'train.bound'?", epochs, "train.blund")

-- ---- word counts ----

-- One topic: word k has the share (1/k) / H, and no code tells more than that.
local function topics(n, epochs_)
  local words = latent.data.topics { n_train = 1500, n_test = 300, words = 60, topics = n, length = 80 }
  local one = latent.autoencoder { input = 60, output = "softmax", seed = 1,
    encoder = { latent.dense { 20, act = "tanh" }, latent.dense { 2 } } }
  local result = latent.fit(one, { train = words.train, test = words.test, epochs = epochs_, batch = 50,
    optimizer = latent.adam { rate = 0.005 } })
  return result, words, one
end

local harmonic, entropy = 0, 0
for k = 1, 60 do harmonic = harmonic + 1 / k end
for k = 1, 60 do entropy = entropy + math.log(k * harmonic) / (k * harmonic) end

local function unigram(words)
  local counts, all, surprise, n = {}, 0, 0, 0
  for i = 1, words.train.n do
    for j, count in ipairs(words.train:row(i)) do
      counts[j], all = (counts[j] or 0) + count, all + count
    end
  end
  for i = 1, words.test.n do
    for j, count in ipairs(words.test:row(i)) do
      if count > 0 then surprise, n = surprise - count * math.log(counts[j] / all), n + count end
    end
  end
  return math.exp(surprise / n)
end

local single, documents, model = topics(1, 6)
assert(math.abs(single["test.perplexity"] / math.exp(entropy) - 1) < 0.02)
near(model:evaluate(documents.test).perplexity, single["test.perplexity"], "perplexity")
assert(model:evaluate(documents.test).loss == model:evaluate(documents.test, "multinomial").loss)
local mixed, mixtures = topics(3, 15)
local known, flat = math.log(mixed["test.perplexity"]), math.log(unigram(mixtures))
assert(known < flat - 0.4 * (flat - entropy), ("%g nats a word, between %g and %g"):format(known, entropy, flat))
assert(known > entropy) -- a mixture is never easier than its topics

-- ---- mistakes ----

local function fits(o)
  o.train = set
  return function() latent.fit(net, o) end
end

raises("latent.gaussian_code: units is 0, wanted an integer from 1 to 1000000", latent.gaussian_code, { 0 })
raises("latent.fit: beta is 1, but the network's code is not variational", fits { beta = 1 })
raises("latent.fit: beta is -1, wanted a number of at least 0", fits { beta = -1 })
raises("fit: kl_warmup is 3, but the network's code is not variational", fits { kl_warmup = 3 })
raises("latent.fit: penalty: unknown option 'lone'", fits { penalty = { lone = 1 } })
raises("latent.fit: penalty: l1 is -1, wanted a number of at least 0", fits { penalty = { l1 = -1 } })
raises("latent.fit: penalty: sparsity_target is 1, wanted", fits { penalty = { sparsity = 1, sparsity_target = 1 } })
raises("latent.fit: huber_delta is 0, wanted a number above 0", fits { loss = "huber", huber_delta = 0 })
raises('loss "multinomial": output is "sigmoid", wanted "softmax"', fits { loss = "multinomial" })
raises("net:evaluate: penalty: unknown option 'l3'", net.evaluate, net, set, { penalty = { l3 = 1 } })
raises("net:evaluate: loss is 'bec', did you mean 'bce'?", net.evaluate, net, set, { loss = "bec" })
raises("objective: sparsity wants a code of sigmoid units", latent.fit, variational(),
  { train = set, penalty = { sparsity = 1 } })

return latent.experiment {
  name = "objective",
  config = { seed = 1 },
  run = function(run)
    latent.fit(variational "tied", { train = set, test = set, epochs = 2, batch = 8, beta = 2, kl_warmup = 1, run = run,
      penalty = { l2 = 1e-3 } })
  end,
}
