-- latent help latent.NAME: the options of a function that scripts call, from
-- the table that checks them; latent help latent: all such functions.
local args = require "latent.args"
local options = require "latent.options"

local MODULES <const> = { "experiment", "sweep", "data", "layers", "optimizers", "objective", "net",
  "fit", "probe", "plot" }

local function owners()
  local names = {}
  for i, spec in ipairs(options.all) do names[i] = spec.owner end
  table.sort(names)
  return names
end

-- The function's own options, then those of its parts ("latent.fit: stop").
local function print_options(name)
  local texts = {}
  for _, spec in ipairs(options.all) do
    if spec.owner == name then table.insert(texts, 1, spec:help()) end
    if spec.owner:sub(1, #name + 1) == name .. ":" then texts[#texts + 1] = spec:help() end
  end
  if #texts > 0 then print(table.concat(texts, "\n\n")) end
  return #texts > 0
end

local function main(argv)
  local name = argv[1]
  for _, module in ipairs(MODULES) do require("latent." .. module) end
  if name == "latent" then
    print("Functions with named options; latent help latent.fit lists those of one:\n")
    for _, owner in ipairs(owners()) do
      if not owner:find(":", 1, true) then print("  " .. owner) end
    end
    return 0
  end
  if print_options(name) then return 0 end
  local near = args.nearest(name, owners())
  io.stderr:write(("latent help: %s: no such function with options%s   (latent help latent)\n"):format(name,
    near and ("; did you mean '%s'?"):format(near) or ""))
  return 2
end

return { main = main }
