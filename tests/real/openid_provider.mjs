// The certified OpenID Provider of npm on loopback, for test_openid_provider.py.
//   node openid_provider.mjs FOLDER PORT CLIENTS      FOLDER has node_modules, CLIENTS is JSON
// It keeps everything in memory, takes any name and password, and rotates refresh tokens. It says "ready" when it is.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, port, clients] = process.argv.slice(2);
const found = createRequire(join(folder, "package.json")).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(found).href);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: JSON.parse(clients),
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  scopes: ["openid", "offline_access", "email", "profile"],
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    deviceFlow: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: id }),
  }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (_, client, code) =>
    client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  cookies: { keys: ["a key of the tests"] },
});
provider.on("server_error", (_, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
