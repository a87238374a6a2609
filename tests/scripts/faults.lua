-- Two runs that do all that a run can do with the store, in as little as it can
-- be done with: for tests in which every allocation fails in turn.
local latent = require "latent"

return latent.experiment {
  name    = "faults",
  config  = { tie = "tied", how = "fit", seed = 1 },
  sweep   = latent.grid { how = { "fit", "all" } },
  targets = { ["test.sse"] = { value = 1e6, better = "lower", source = "this test" } },

  run = function(run, c)
    local data = latent.data.curves { n_train = 40, n_test = 20, seed = 5 }
    local net = latent.autoencoder {
      input = data.train.shape, encoder = { latent.dense { 6, act = "sigmoid" }, latent.dense { 2 } },
      output = "sigmoid", tie = c.tie, seed = c.seed,
    }
    if c.how == "broken" then error("wanted to fail") end
    if c.how == "all" then
      latent.pretrain(net, { method = "rbm", data = data.train, epochs = 1, batch = 20, run = run,
        checkpoint_seconds = 0 })
    end
    latent.fit(net, {
      train = data.train, test = data.test, epochs = 2, batch = 20, run = run, log_every = 1, checkpoint_seconds = 0,
      on_epoch = function(epoch, metrics)
        run:log { ["own.twice"] = 2 * metrics["test.sse"], epoch = epoch }
        if epoch == 2 and os.getenv("LATENT_TEST_DIES") then os.execute("kill -9 $PPID") end
      end,
    })
    run:note("the end")
    run:tag(c.how)
    run:save("net", net)
    if c.how == "all" then run:figure("curves", latent.plot.reconstructions(net, data.test, { n = 2 })) end
  end,
}
