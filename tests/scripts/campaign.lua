-- Small runs of every kind, for tests that kill them: pre-trained or not,
-- tied or not, with metrics of their own, notes, tags and weights. Those that
-- are pre-trained take longer than the recorder waits between two flushes. With
-- an odd seed every epoch ends with a checkpoint, else as many as are cheap.
local latent = require "latent"

return latent.experiment {
  name     = "campaign",
  question = "Can a run be lost?",
  config   = { tie = "tied", pretrain = "no", rate = 1e-3, epochs = 12, seed = 1 },
  sweep    = latent.grid { tie = { "tied", "untied", "unrolled" }, pretrain = { "no", "rbm" }, seed = { 1, 2 } },

  run = function(run, c)
    local is_long = c.pretrain == "rbm"
    local seconds = c.seed % 2 == 1 and 0 or nil
    local data = latent.data.curves { n_train = is_long and 1200 or 400, n_test = 100, seed = 5 }
    local net = latent.autoencoder {
      input   = data.train.shape,
      encoder = { latent.dense { 30, act = "sigmoid" }, latent.dense { 4, act = "linear" } },
      output  = "sigmoid", tie = c.tie, seed = c.seed,
    }
    run:note("a network of " .. net:parameters() .. " parameters")
    if is_long then
      latent.pretrain(net, { method = "rbm", data = data.train, epochs = 5, batch = 50, run = run,
        checkpoint_seconds = 0.1 })
    end
    latent.fit(net, {
      train = data.train, test = data.test, loss = "bce", optimizer = latent.adam { rate = c.rate },
      epochs = is_long and 4 * c.epochs or c.epochs, batch = 20, run = run, log_every = 10,
      checkpoint_seconds = seconds, checkpoint_seconds = 0.1,
      on_epoch = function(epoch, metrics)
        run:log { ["own.twice"] = 2 * metrics["test.sse"], epoch = epoch }
      end,
    })
    run:log { ["own.end"] = run.step }
    run:save("net", net)
    run:note("the end")
    run:tag(c.tie)
  end,
}
