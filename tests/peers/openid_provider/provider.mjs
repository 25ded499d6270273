// A certified OpenID Provider whose people stand in a file that is read at each question.
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const { port, people, client, secret, redirects, offset, inToken } = JSON.parse(process.argv[2]);

// A clock that is wrong makes tokens that are over when they come.
const now = Date.now;
Date.now = () => now() + offset * 1000;

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: client,
      client_secret: secret,
      redirect_uris: redirects,
      post_logout_redirect_uris: redirects.map((each) => new URL("/sign-in", each).href),
    },
  ],
  claims: {
    openid: ["sub"],
    profile: ["preferred_username", "name", "family_name", "given_name", "groups"],
  },
  conformIdTokenClaims: !inToken,
  ttl: { IdToken: 600 },
  cookies: { keys: ["of this test"] },
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...JSON.parse(readFileSync(people))[id] }),
  }),
  // Nobody is asked for consent to what the hospital runs itself.
  loadExistingGrant: async (context) => {
    const grant = new context.oidc.provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile");
    await grant.save();
    return grant;
  },
});
provider.listen(port, "127.0.0.1");
