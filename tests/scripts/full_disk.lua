-- Two short runs that write all that a run can write: for tests in which
-- writing fails.
local latent = require "latent"

return latent.experiment {
  name     = "full_disk",
  question = "What does a full disk do?",
  config   = { code = 2, epochs = 4, seed = 1 },
  sweep    = latent.grid { code = { 2, 3 } },

  run = function(run, c)
    local data = latent.data.curves { n_train = 60, n_test = 20, seed = 5 }
    local net = latent.autoencoder {
      input = data.train.shape, encoder = { latent.dense { c.code, act = "sigmoid" } }, output = "sigmoid",
      tie = "tied", seed = c.seed,
    }
    run:note("begins")
    latent.fit(net, {
      train = data.train, test = data.test, loss = "bce", optimizer = latent.adam { rate = 1e-2 },
      epochs = c.epochs, batch = 20, run = run, log_every = 1, checkpoint_seconds = 0,
      on_epoch = function(epoch, metrics)
        run:log { ["own.twice"] = 2 * metrics["test.sse"], epoch = epoch }
      end,
    })
    run:save("net", net)
    run:figure("codes", { panels = { { series = { { x = { 1, 2, 3 }, y = { 1, 4, 9 } } } } } })
    run:note("the end")
    run:tag("done")
  end,
}
