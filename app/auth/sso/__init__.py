"""Single sign-on: a domain's people sign in at their company's own OpenID provider."""
