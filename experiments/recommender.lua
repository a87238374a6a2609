-- What makes an autoencoder predict ratings well: depth, activation, dropout on
-- the code, re-feeding, tied weights, users or items as rows? Asked of generated
-- ratings, where the best that any network could do is known.
--
-- Network   items-128-4 and back, SELU, linear code and output, trained on the
--           known entries of sparse rows (masked_mse) by Adam; one thing is
--           changed at a time. The mean of the training ratings is subtracted.
-- Source    Kuchaiev and Ginsburg 2017: SELU and ELU beat tanh and sigmoid, depth
--           helps up to 12 layers, dropout on wide codes helps, and re-feeding
--           helps with a high rate; "constrained" (tied) networks overfit less.
-- Data      800,000 ratings of 1000 items by 4000 users: rank 4, signal of
--           variance 1, noise 0.5, so that no RMSE is below 0.5 (floor.rmse). A
--           tenth is held out. -s data=ml-100k, ml-1m or ml-20m: a set of
--           MovieLens, whose floor nobody knows.
-- Baselines global, user and item means, and the bias model (baseline.*): 1.13
--           here, since the generated users and items differ in taste alone.
-- Expected  one change at a time (seed 1, over the floor): 2 nonlinear layers end
--           2 to 3 % above it, 1 layer or linear ones 5 %, 3 layers 2 %; tied 7 %;
--           a code wider than the data's dimensions overfits (20 %), and dropout
--           on it mends most of that (7 %). Re-feeding does harm here (12 %): a
--           dense input drives the first layer five times as hard as the fifth of
--           it that users rate.
-- Time      33 runs, about 4 minutes on two busy cores:
--             latent run experiments/recommender.lua
--           smoke scale:
--             latent run experiments/recommender.lua -s users=300 -s items=100 -s epochs=1 -s seed=1
-- Figure    rmse.svg in each run's folder, or
--             latent plot sweep 'experiment=recommender' -m test.rmse --x variant -o recommender.svg
local latent = require "latent"

local seeds = latent.grid { seed = { 1, 2, 3 } }
local variants = latent.list {
  { variant = "selu, 2 layers" },
  { variant = "1 layer", depth = 1 },
  { variant = "3 layers", depth = 3 },
  { variant = "tanh", act = "tanh" },
  { variant = "relu", act = "relu" },
  { variant = "linear", act = "linear" },
  { variant = "wide code", code = 64 },
  { variant = "wide code, dropout", code = 64, dropout = 0.5 },
  { variant = "tied", tie = "tied" },
  { variant = "re-feeding", refeed = 1 },
  { variant = "items as rows", by = "item" },
}

local UNITS <const> = { {}, { 128 }, { 128, 64 } } -- below the code, by depth

return latent.experiment {
  name     = "recommender",
  question = "What brings an autoencoder of ratings near the noise floor?",

  config = {
    variant = "selu, 2 layers", depth = 2, act = "selu", code = 4, dropout = 0.0, refeed = 0, tie = "untied",
    by = "user", share = 0.1,
    data = "generated", users = 4000, items = 1000, density = 0.2, rank = 4, noise = 0.5,
    epochs = 30, batch = 128, rate = 1e-3, weight_decay = 0.0, seed = 1,
  },
  sweep = variants * seeds,

  run = function(run, c)
    local is_made = c.data == "generated"
    local data = latent.data.ratings {
      set = not is_made and c.data or nil,
      generate = is_made and {
        users = c.users, items = c.items, density = c.density, rank = c.rank, noise = c.noise, seed = 7,
      } or nil,
      by = c.by, share = c.share, seed = 1, centre = true,
    }
    local baseline = latent.data.baselines(data)
    run:log {
      ["baseline.global"] = baseline.global, ["baseline.user"] = baseline.user,
      ["baseline.item"] = baseline.item, ["baseline.bias"] = baseline.bias,
    }

    local encoder = {}
    for _, units in ipairs(UNITS[c.depth] or error("depth: wanted 1 to 3")) do
      encoder[#encoder + 1] = latent.dense { units, act = c.act }
    end
    encoder[#encoder + 1] = latent.dense { c.code, act = "linear" }
    if c.dropout > 0 then
      encoder[#encoder + 1] = latent.dropout { c.dropout }
    end
    local net = latent.autoencoder {
      input = data.train.shape, encoder = encoder, output = "linear", tie = c.tie, seed = c.seed, sparse = true,
    }

    local lines = { train = { x = {}, y = {} }, test = { x = {}, y = {} } }
    local result = latent.fit(net, {
      train = data.train, test = data.test, loss = "masked_mse",
      optimizer = latent.adam { rate = c.rate, weight_decay = c.weight_decay },
      epochs = c.epochs, batch = c.batch, refeed = c.refeed, run = run,
      on_epoch = function(epoch, metrics)
        for set, line in pairs(lines) do
          line.x[#line.x + 1], line.y[#line.y + 1] = epoch, metrics[set .. ".rmse"]
        end
      end,
    })

    local function level(label, value)
      return { label = label, x = { 0, c.epochs }, y = { value, value } }
    end
    local curves = {
      { label = "test", x = lines.test.x, y = lines.test.y },
      { label = "train", x = lines.train.x, y = lines.train.y },
      level("bias model", baseline.bias),
    }
    if is_made then
      run:log { ["floor.rmse"] = data.noise, over_floor = result["test.rmse"] / data.noise - 1 }
      curves[#curves + 1] = level("floor", data.noise)
    end
    run:figure("rmse", latent.plot.curves { metric = "rmse", curves = curves })
    local best = net:recommend(data.test, { row = 1, n = 3 })
    if best[1] then
      run:note(("best for the first %s: %s %d, %.2f expected"):format(c.by, c.by == "user" and "item" or "user",
        best[1].id, best[1].score))
    end
    run:save("net", net)
    run:tag(c.variant)
  end,
}
