-- One run of every kind that keeps something of its own from step to step, for
-- check_resume.sh, which kills them.
local latent = require "latent"

local KINDS <const> = { "sgd", "momentum", "nesterov", "adam", "rbm", "autoencoder", "denoising", "conv",
  "variational", "ratings" }

local OPTIMIZERS <const> = {
  sgd = latent.sgd { rate = 0.05 },
  momentum = latent.sgd { rate = 0.02, momentum = 0.9, weight_decay = 1e-4 },
  nesterov = latent.sgd { rate = 0.02, momentum = 0.9, nesterov = true },
}

local function encoder_of(kind)
  if kind == "conv" then
    return { latent.noise { "gaussian", 0.1 }, latent.conv { 4, kernel = 3 }, latent.batchnorm { act = "relu" },
      latent.dropout { 0.2 }, latent.dense { 6, act = "tanh" } }
  elseif kind == "variational" then
    return { latent.dense { 30, act = "tanh" }, latent.gaussian_code { 4 } }
  end
  return { latent.dense { 30, act = "sigmoid" }, latent.dense { 6, act = "linear" } }
end

return latent.experiment {
  name = "resume",
  config = { kind = "adam", epochs = 8, seed = 1 },
  sweep = latent.grid { kind = KINDS },

  run = function(run, c)
    local is_sparse = c.kind == "ratings"
    local data = is_sparse and latent.data.ratings { generate = { users = 300, items = 80, density = 0.2, seed = 2 } }
      or latent.data.curves { n_train = c.kind == "conv" and 300 or 900, n_test = 100, seed = 2 }
    local net = latent.autoencoder { input = data.train.shape, encoder = encoder_of(c.kind), seed = c.seed,
      output = is_sparse and "linear" or "sigmoid", sparse = is_sparse }
    if c.kind == "rbm" or c.kind == "autoencoder" or c.kind == "denoising" then
      latent.pretrain(net, { method = c.kind, data = data.train, test = data.test, epochs = c.epochs, batch = 30,
        run = run, checkpoint_seconds = 0.1 })
    end
    local lowest, heard = math.huge, 0
    local function on_epoch(epoch, metrics)
      heard = heard + 1
      lowest = math.min(lowest, metrics["test.loss"], net:evaluate(data.test).sse)
      run:log { ["own.lowest"] = lowest, ["own.chance"] = math.random(), epoch = epoch }
    end
    local options = { train = data.train, test = data.test, optimizer = OPTIMIZERS[c.kind] or latent.adam {},
      epochs = c.epochs, batch = 20, log_every = 1, run = run, on_epoch = on_epoch, checkpoint_seconds = 0.1 }
    latent.fit(net, options)
    run:save("middle", net)
    options.stop, options.epochs = { patience = 3, min_delta = 1e3 }, 50
    latent.fit(net, options)
    run:log { ["own.heard"] = heard, ["own.step"] = run.step }
    run:save("net", net)
  end,
}
