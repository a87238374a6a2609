-- latent.store: the runs of a store, for scripts and analyses.
--
--   local store <close> = latent.store.open()       -- $LATENT_DB or results/latent.db
--   for _, run in ipairs(store:runs "tie=tied and status=finished") do
--     local steps, epochs, values = store:metric(run.id, "test.sse")
--   end
--
-- The methods are listed at the top of src/bind/bind_store.c. All only read;
-- runs are written by `latent run`.
local core = require "latent.core.store"
local sys = require "latent.core.sys"

local store = {}

-- The store at `path`; without one, what $LATENT_DB names, else
-- results/latent.db.
function store.open(path)
  if path == nil then path = os.getenv("LATENT_DB") or "results/latent.db" end
  if type(path) ~= "string" then
    sys.fail(("latent.store.open: found a %s, wanted a path"):format(type(path)))
  end
  return (core.open(path, "read"))
end

return store
