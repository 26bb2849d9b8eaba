export default {
  extends: 'stylelint-config-standard',
  rules: {
    'import-notation': 'string', // Lightning CSS inlines the file of breakpoints
    'selector-class-pattern': [
      '^[a-z][a-zA-Z0-9]*$',
      { message: 'A class is in camelCase, because TypeScript reads it as a property' },
    ],
    'selector-pseudo-class-no-unknown': [true, { ignorePseudoClasses: ['global'] }],
    'property-no-vendor-prefix': [true, { ignoreProperties: ['text-size-adjust'] }], // Safari knows no other
    'value-keyword-case': ['lower', { ignoreProperties: ['--font', '--mono'] }], // names of fonts
    'custom-property-empty-line-before': null, // tokens stand in groups
    'no-descending-specificity': null, // cells of one table are told apart by their place
  },
}
