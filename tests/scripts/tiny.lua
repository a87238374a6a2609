-- A sweep of a second: for tests of the command line.
local latent = require "latent"

return latent.experiment {
  name     = "tiny",
  question = "Does the command line work?",
  config   = { code = 2, tie = "untied", rate = 1e-3, epochs = 2, n = 300, act = "", seed = 1 },
  sweep    = latent.grid { tie = { "untied", "tied" }, code = { 2, 4 } },
  targets  = { ["test.sse"] = { value = 20, better = "lower", source = "this test" } },

  run = function(run, c)
    local data = latent.data.curves { n_train = c.n, n_test = 100, seed = 5 }
    local net = latent.autoencoder {
      input   = data.train.shape,
      encoder = { latent.dense { 20, act = "tanh" }, latent.dense { c.code, act = "linear" } },
      output  = "sigmoid", tie = c.tie, seed = c.seed,
    }
    if c.act == "print" then print("hello from the script") end
    if c.act == "fail" then error("wanted to fail") end
    if c.act == "exit" then os.exit(0) end
    if c.act == "loop" then while true do pcall(string.rep, "x", 10) end end
    latent.fit(net, {
      train = data.train, test = data.test, loss = "bce", optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = 50, run = run, log_every = 1,
    })
    run:note("done, \"quoted\"\nin two lines")
    run:tag(c.tie)
  end,
}
